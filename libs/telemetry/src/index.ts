export { TelemetryModule } from './telemetry.module.js';
export { telemetryConfig, telemetryEnvSchema, type TelemetryConfig } from './telemetry.config.js';
export { GatewayMetrics, type Reading } from './adapters/gateway-metrics.js';
export { renderTogether, totalsOf, type MetricsSnapshot, type RenderedMetrics } from './adapters/joint-metrics.js';
export { Tracing } from './adapters/tracing.js';
export { createLogger, type LogLevel, type LoggerOptions } from './adapters/logger.js';
export { NestLogger } from './adapters/nest-logger.js';
export { addTraceHeaders, type RequestTrace, type TraceHeaders } from './core/trace-context.js';
