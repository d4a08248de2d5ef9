import { type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { NestFactory } from '@nestjs/core';
import { type NestExpressApplication } from '@nestjs/platform-express';
import helmet from 'helmet';
import { DemoSeeder } from '@apex/auth';
import { FlagsService } from '@apex/flags';
import { DataPlane, Pipeline } from '@apex/gateway';
import { UpstreamClient } from '@apex/llm';
import { GatewayMetrics, NestLogger, createLogger } from '@apex/telemetry';
import { RecordingService } from '@apex/usage';
import { type ApiOptions, readApiConfig } from './api.config.js';
import { AppModule } from './app.module.js';
import { registerGauges } from './gauges.js';
import { HealthService } from './health.service.js';
import { ApexErrorFilter } from './http/support/apex-error.filter.js';
import { setUpOpenApi } from './openapi.js';

export { type ApiOptions } from './api.config.js';

export interface RunningApi {
  readonly baseUrl: string;
  /** The demo customer's, as they stand in APEX_HOME/credentials.json. */
  readonly credentials: { readonly baseUrl: string; readonly apiKey: string; readonly adminToken: string };
  /** Lets requests under way end, writes what is to be written, and resolves. */
  close(): Promise<void>;
}

/** The control plane takes reconciliation exports; the data plane has its own limit. */
const CONTROL_PLANE_BODY = '32mb';

/** Slow clients: a request's head and body have to arrive within these, in ms. */
const HEADERS_TIMEOUT_MS = 20_000;
const REQUEST_TIMEOUT_MS = 120_000;
/** Longer than load balancers keep their side, so that they, not we, close idle connections (60 s is their usual). */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;

/**
 * Starts one API process on stores that are up and migrated, and resolves when it takes traffic.
 * @throws ConfigError for an environment that does not parse
 */
export async function startApi(options: ApiOptions): Promise<RunningApi> {
  const config = readApiConfig(options);
  const logger = new NestLogger(createLogger({ level: config.process.APEX_LOG_LEVEL }));
  const app = await NestFactory.create<NestExpressApplication>(AppModule.forRoot(options, config), { logger, bodyParser: false, abortOnError: false });
  app.useBodyParser('json', { limit: CONTROL_PLANE_BODY });
  app.use(helmet());
  app.useGlobalFilters(new ApexErrorFilter());
  app.disable('x-powered-by');
  setUpOpenApi(app);
  await app.init();

  const server = app.getHttpServer() as Server;
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.keepAliveTimeout = KEEP_ALIVE_TIMEOUT_MS;
  registerGauges(app.get(GatewayMetrics), app.get(RecordingService), { pipeline: app.get(Pipeline), upstream: app.get(UpstreamClient) });
  const dataPlane = app.get(DataPlane);
  dataPlane.attach(server);
  await app.listen(options.port, options.host);

  const { port } = server.address() as AddressInfo;
  const baseUrl = `http://${options.host === '0.0.0.0' ? '127.0.0.1' : options.host}:${port}`;
  const credentials = await app.get(DemoSeeder).ensure({ home: options.home, baseUrl });
  await app.get(FlagsService).quickStartFor('demo');
  const health = app.get(HealthService);
  health.setTakesTraffic(true);
  return {
    baseUrl,
    credentials,
    close: async () => {
      health.setTakesTraffic(false);
      await dataPlane.drain();
      // While the database is still there.
      await app.get(RecordingService).stop();
      server.closeIdleConnections();
      await app.close();
    },
  };
}
