export { FlagsModule, type FlagsConfig } from './flags.module.js';
export { flagsEnvSchema, unleashConfig, type UnleashConfig } from './flags.config.js';
export { FlagsService, type FlagView, type TrafficView } from './flags.service.js';
export { type Change } from './adapters/flag-store.js';
export { type RealisedShare } from './adapters/realised-share.js';
export { TrafficRouter, type Assignment, type TrafficSubject } from './ports/traffic-router.js';
export { type FlagDefinition } from './core/definitions.js';
export { percentageSchema, stickinessSchema, type Stickiness } from './core/flag-state.js';
export { flagEntities } from './entities/index.js';
