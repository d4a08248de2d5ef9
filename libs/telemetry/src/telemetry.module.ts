import { type DynamicModule, Module } from '@nestjs/common';
import { GatewayMetrics } from './adapters/gateway-metrics.js';
import { Tracing } from './adapters/tracing.js';
import { type TelemetryConfig } from './telemetry.config.js';

const NOWHERE: TelemetryConfig = { otlp: null, warnings: [] };

@Module({})
export class TelemetryModule {
  /** @param origins addresses of the providers by name */
  static forRoot(config: TelemetryConfig = NOWHERE, origins: Readonly<Record<string, string>> = {}): DynamicModule {
    return {
      module: TelemetryModule,
      global: true,
      providers: [
        { provide: GatewayMetrics, useFactory: () => new GatewayMetrics() },
        { provide: Tracing, useFactory: (metrics: GatewayMetrics) => Tracing.start(config, origins, metrics), inject: [GatewayMetrics] },
      ],
      exports: [GatewayMetrics, Tracing],
    };
  }
}
