export { GatewayModule } from './gateway.module.js';
export { gatewayConfigSchema, type GatewayConfig } from './gateway.config.js';
export { DataPlane } from './http/data-plane.js';
export { Pipeline } from './core/pipeline.js';
export { TargetBoard } from './core/resilience/target-board.js';
export { MemoryIdempotencyStore } from './adapters/memory-idempotency-store.js';
export { RequestObserver } from './ports/request-observer.js';
