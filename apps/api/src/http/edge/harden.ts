import { type NextFunction, type Request, type Response } from 'express';
import { type NestExpressApplication } from '@nestjs/platform-express';
import helmet from 'helmet';
import { notFound } from '@apex/common';
import { jsonBodies } from '../support/json-body.js';
import { takesLargeBody } from '../support/large-json-body.guard.js';
import { type EdgeConfig } from './edge.config.js';

/** Of a control-plane request, read before it is known who asks. A route that needs more reads it behind its guard: `LargeJsonBody`. */
const JSON_BYTES = 256 * 1024;

/** How long a browser may remember what a preflight has told it. */
const PREFLIGHT_SECONDS = 600;

/** JSON is nothing that a browser should render, run, frame or keep. */
const API_HEADERS = helmet({
  contentSecurityPolicy: { useDefaults: false, directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"], 'base-uri': ["'none'"], 'form-action': ["'none'"] } },
  xFrameOptions: { action: 'deny' },
});

/** Swagger's page: its own scripts and styles, images in data URLs, calls to this origin. TLS may end before us, so nothing is upgraded. */
const PAGE_HEADERS = helmet({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      'default-src': ["'none'"],
      'script-src': ["'self'"],
      'style-src': ["'self'", "'unsafe-inline'"],
      'img-src': ["'self'", 'data:'],
      'font-src': ["'self'"],
      'connect-src': ["'self'"],
      'base-uri': ["'none'"],
      'form-action': ["'none'"],
      'frame-ancestors': ["'none'"],
    },
  },
  xFrameOptions: { action: 'deny' },
});

/** What every answer of the control plane carries, and what its requests are held to before anybody looks at them. Call it before routes are made. */
export function harden(app: NestExpressApplication, edge: EdgeConfig): void {
  app.disable('x-powered-by');
  app.set('trust proxy', edge.APEX_TRUST_PROXY ?? false);
  app.set('query parser', 'simple');
  app.use(securityHeaders);
  if (edge.APEX_CORS_ORIGINS !== undefined) {
    app.enableCors({
      origin: edge.APEX_CORS_ORIGINS,
      methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
      allowedHeaders: ['authorization', 'content-type'],
      exposedHeaders: ['retry-after'],
      // Tokens go in a header; no cookie ever counts.
      credentials: false,
      maxAge: PREFLIGHT_SECONDS,
    });
  }
  app.use(jsonBodies(JSON_BYTES, takesLargeBody));
}

/** Swagger's page and what it loads. The rest of the package's folder is nobody's business. */
const PAGE = /^\/docs(?:\/(?:swagger-ui\.css|swagger-ui-(?:bundle|standalone-preset|init)\.js|favicon-(?:16x16|32x32)\.png)?)?$/;
const PAGE_FOLDER = /^\/docs\//i;

function securityHeaders(request: Request, response: Response, next: NextFunction): void {
  if (PAGE.test(request.path)) return PAGE_HEADERS(request, response, next);
  // Keys and sessions are shown once: no cache may show them twice.
  response.setHeader('cache-control', 'no-store');
  API_HEADERS(request, response, () => next(PAGE_FOLDER.test(request.path) ? notFound('page') : undefined));
}
