export { TelemetryModule } from './telemetry.module.js';
export { GatewayMetrics } from './adapters/gateway-metrics.js';
export { createLogger, type LogLevel, type LoggerOptions } from './adapters/logger.js';
export { NestLogger } from './adapters/nest-logger.js';
export { type RequestObservation } from './core/request-ledger.js';
