export { type Uuid, newId, isUuid, idTime, firstIdAt } from './ids.js';
export { type Picodollars, PICODOLLARS_PER_USD, formatUsd, assertExact } from './money.js';
export { Clock, SystemClock, FakeClock } from './clock.js';
export { ApexError, type Severity, notFound, conflict, invalid } from './errors.js';
export { ConfigError, parseEnv } from './config.js';
export { sha256, sha256Hex, secretsEqual } from './hashing.js';
export { customerIdSchema, reasonSchema, instantSchema, envBoolean, envInt } from './schemas.js';
