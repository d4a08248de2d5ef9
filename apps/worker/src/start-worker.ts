import { type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { NestFactory } from '@nestjs/core';
import { type NestExpressApplication } from '@nestjs/platform-express';
import { GatewayMetrics, NestLogger, createLogger } from '@apex/telemetry';
import { RecordingService } from '@apex/usage';
import { type ApiOptions, readApiConfig } from '../../api/src/api.config.js';
import { registerGauges } from '../../api/src/gauges.js';
import { HealthService } from '../../api/src/health.service.js';
import { EdgeAdapter } from '../../api/src/http/edge/edge-adapter.js';
import { harden } from '../../api/src/http/edge/harden.js';
import { ApexErrorFilter } from '../../api/src/http/support/apex-error.filter.js';
import { WorkerModule } from './worker.module.js';

export interface RunningWorker {
  readonly baseUrl: string;
  close(): Promise<void>;
}

/** Starts one worker process on stores that are up and migrated. */
export async function startWorker(options: ApiOptions): Promise<RunningWorker> {
  const config = readApiConfig(options);
  const logger = new NestLogger(createLogger({ level: config.process.APEX_LOG_LEVEL }));
  const app = await NestFactory.create<NestExpressApplication>(WorkerModule.forRoot(options, config), new EdgeAdapter(config.edge), { logger, bodyParser: false, abortOnError: false });
  harden(app, config.edge);
  app.useGlobalFilters(new ApexErrorFilter());
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
