import { type DynamicModule, Module } from '@nestjs/common';
import { GatewayMetrics } from './adapters/gateway-metrics.js';

@Module({})
export class TelemetryModule {
  static forRoot(): DynamicModule {
    return { module: TelemetryModule, global: true, providers: [{ provide: GatewayMetrics, useFactory: () => new GatewayMetrics() }], exports: [GatewayMetrics] };
  }
}
