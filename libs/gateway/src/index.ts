export { GatewayModule } from './gateway.module.js';
export { gatewayConfigSchema, type GatewayConfig } from './gateway.config.js';
export { DataPlane } from './http/data-plane.js';
export { Pipeline, type PipelineDeps } from './core/pipeline.js';
export { TargetBoard } from './core/resilience/target-board.js';
export { IdempotencyStore, type Claim, type Lease } from './ports/idempotency-store.js';
export { MemoryIdempotencyStore } from './adapters/memory-idempotency-store.js';
export { RequestObserver } from './ports/request-observer.js';
