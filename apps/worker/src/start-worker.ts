import { type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { NestFactory } from '@nestjs/core';
import { GatewayMetrics, NestLogger, createLogger } from '@apex/telemetry';
import { RecordingService } from '@apex/usage';
import { type ApiOptions, readApiConfig } from '../../api/src/api.config.js';
import { registerGauges } from '../../api/src/gauges.js';
import { HealthService } from '../../api/src/health.service.js';
import { WorkerModule } from './worker.module.js';

export interface RunningWorker {
  readonly baseUrl: string;
  close(): Promise<void>;
}

/** Starts one worker process on stores that are up and migrated. */
export async function startWorker(options: ApiOptions): Promise<RunningWorker> {
  const config = readApiConfig(options);
  const logger = new NestLogger(createLogger({ level: config.process.APEX_LOG_LEVEL }));
  const app = await NestFactory.create(WorkerModule.forRoot(options, config), { logger, abortOnError: false });
  await app.listen(options.port, options.host);
  registerGauges(app.get(GatewayMetrics), { recording: app.get(RecordingService), home: options.home });
  app.get(HealthService).setTakesTraffic(true);
  const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
  return {
    baseUrl: `http://${options.host}:${port}`,
    close: async () => {
      await app.get(RecordingService).stop();
      await app.close();
    },
  };
}
