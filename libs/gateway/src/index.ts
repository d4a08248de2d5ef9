export { GatewayModule } from './gateway.module.js';
export { gatewayConfigSchema, type GatewayConfig } from './gateway.config.js';
export { DataPlane } from './http/data-plane.js';
export { Pipeline, type PipelineDeps } from './core/pipeline.js';
export { TargetBoard } from './core/resilience/target-board.js';
export { RequestObserver } from './ports/request-observer.js';
