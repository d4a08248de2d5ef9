export { Bus, type BusHandler } from './bus.js';
export { LocalBus } from './local-bus.js';
export { RedisBus } from './redis-bus.js';
export { createRedis, type RedisConnectionOptions } from './connection.js';
export { QueueModule, type QueueConfig } from './queue.module.js';
export { startEmbeddedRedis, type EmbeddedRedis, type EmbeddedRedisOptions, type RedisUnavailable } from './embedded/embedded-redis.js';
export { LiveState, type LiveStateOptions } from './live-state.js';
