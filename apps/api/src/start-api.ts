import { once } from 'node:events';
import { type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { NestFactory } from '@nestjs/core';
import { type NestExpressApplication } from '@nestjs/platform-express';
import { type DemoCredentials, DemoSeeder, Limiter } from '@apex/auth';
import { FlagsService } from '@apex/flags';
import { DataPlane, ExactCache, OpenedResponseCache, Pipeline, TargetBoard } from '@apex/gateway';
import { UpstreamClient } from '@apex/llm';
import { GatewayMetrics, type MetricsSnapshot, NestLogger, createLogger } from '@apex/telemetry';
import { RecordingService } from '@apex/usage';
import { type ApiOptions, readApiConfig } from './api.config.js';
import { AppModule } from './app.module.js';
import { registerGauges } from './gauges.js';
import { HealthService } from './health.service.js';
import { EdgeAdapter } from './http/edge/edge-adapter.js';
import { harden } from './http/edge/harden.js';
import { ApexErrorFilter } from './http/support/apex-error.filter.js';
import { setUpOpenApi } from './openapi.js';

export { type ApiOptions } from './api.config.js';

export interface RunningApi {
  readonly baseUrl: string;
  /** The demo customer's, as they stand in APEX_HOME/credentials.json; null without one. */
  readonly credentials: DemoCredentials | null;
  /** What this process alone has counted. */
  counts(): Promise<MetricsSnapshot>;
  /** Lets requests under way end, writes what is to be written, and resolves. */
  close(): Promise<void>;
}

/**
 * Starts one API process on stores that are up and migrated, and resolves when it takes traffic.
 * @throws ConfigError for an environment that does not parse
 */
export async function startApi(options: ApiOptions): Promise<RunningApi> {
  const config = readApiConfig(options);
  const logger = new NestLogger(createLogger({ level: config.process.APEX_LOG_LEVEL }));
  const app = await NestFactory.create<NestExpressApplication>(AppModule.forRoot(options, config), new EdgeAdapter(config.edge), { logger, bodyParser: false, abortOnError: false });
  harden(app, config.edge);
  app.useGlobalFilters(new ApexErrorFilter());
  setUpOpenApi(app);
  await app.init().catch(async (error: unknown) => {
    // What has begun ends: a process that goes on without an API must not keep its pools and timers.
    await app.close().catch(() => undefined);
    throw error;
  });

  const server = app.getHttpServer() as Server;
  registerGauges(app.get(GatewayMetrics), {
    recording: app.get(RecordingService),
    home: options.home,
    dataPlane: { pipeline: app.get(Pipeline), upstream: app.get(UpstreamClient), board: app.get(TargetBoard), limiter: app.get(Limiter), cache: app.get(ExactCache), answers: app.get(OpenedResponseCache), lane: app.get(DataPlane) },
  });
  const dataPlane = app.get(DataPlane);
  dataPlane.attach(server);
  if (options.group?.reusePort === true) await listenBeside(server, options);
  else await app.listen(options.port, options.host);

  const { port } = server.address() as AddressInfo;
  const baseUrl = `http://${options.host === '0.0.0.0' ? '127.0.0.1' : options.host}:${port}`;
  const credentials = options.demo ? await app.get(DemoSeeder).ensure({ home: options.home, baseUrl }) : null;
  if (options.demo) await app.get(FlagsService).quickStartFor('demo');
  const health = app.get(HealthService);
  health.setTakesTraffic(true);
  return {
    baseUrl,
    credentials,
    counts: () => app.get(GatewayMetrics).snapshot(),
    close: async () => {
      health.setTakesTraffic(false);
      // The others on this port take what comes from now on.
      if (options.group !== undefined) server.close();
      await dataPlane.drain();
      // While the database is still there.
      await app.get(RecordingService).stop();
      server.closeIdleConnections();
      await app.close();
    },
  };
}

/** Beside other processes on the same port: each has a socket of its own, and the kernel spreads connections over them. */
async function listenBeside(server: Server, { port, host }: ApiOptions): Promise<void> {
  // `exclusive`: a socket of its own, not one that node:cluster hands round.
  server.listen({ port, host, reusePort: true, exclusive: true });
  await once(server, 'listening');
}
