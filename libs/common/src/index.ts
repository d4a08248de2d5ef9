export { type Fields, fieldsOf, isFields, isPresent } from './fields.js';
export { type Uuid, newId, isUuid, idTime, firstIdAt } from './ids.js';
export { type Picodollars, formatUsd, assertExact } from './money.js';
export { Clock, SystemClock, FakeClock } from './clock.js';
export { ApexError, type Severity, notFound, conflict, invalid } from './errors.js';
export { ConfigError, parseEnv } from './config.js';
export { sha256, secretsEqual } from './hashing.js';
export { addressGroup, addressScope, forbiddenHost, mayReach, type AddressScope, type OutboundPolicy } from './ip-address.js';
export { customerIdSchema, reasonSchema, instantSchema, envBoolean, envInt } from './schemas.js';
