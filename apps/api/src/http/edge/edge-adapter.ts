import { createServer, type ServerOptions } from 'node:http';
import { ExpressAdapter } from '@nestjs/platform-express';
import { type EdgeConfig } from './edge.config.js';

/** How often Node looks for clients that are too slow: often enough that a limit means what it says, and no more than it costs. */
const MOST_BETWEEN_LOOKS_MS = 5_000;

/**
 * The HTTP server under Nest, with limits that can only be given when it is made. Node's parser is strict as it comes
 * (no bare LF, no folded lines, no `content-length` beside `transfer-encoding`); that nothing loosens it is said here.
 */
export class EdgeAdapter extends ExpressAdapter {
  constructor(private readonly edge: EdgeConfig) {
    super();
  }

  override initHttpServer(): void {
    const server = createServer(serverOptions(this.edge), this.getInstance());
    if (this.edge.APEX_MAX_CONNECTIONS > 0) server.maxConnections = this.edge.APEX_MAX_CONNECTIONS;
    this.setHttpServer(server);
    this.httpServer = server;
  }
}

function serverOptions(edge: EdgeConfig): ServerOptions {
  return {
    insecureHTTPParser: false,
    requireHostHeader: true,
    maxHeaderSize: edge.APEX_MAX_HEADER_BYTES,
    // The head has to be there before the whole is late.
    headersTimeout: Math.min(edge.APEX_HEADERS_TIMEOUT_MS, edge.APEX_BODY_TIMEOUT_MS),
    requestTimeout: edge.APEX_BODY_TIMEOUT_MS,
    keepAliveTimeout: edge.APEX_KEEP_ALIVE_TIMEOUT_MS,
    connectionsCheckingInterval: Math.min(MOST_BETWEEN_LOOKS_MS, Math.ceil(Math.min(edge.APEX_HEADERS_TIMEOUT_MS, edge.APEX_BODY_TIMEOUT_MS) / 4)),
  };
}
