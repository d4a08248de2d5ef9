import { ApiKeyEntity } from './api-key.entity.js';
import { AuditLogEntity } from './audit-log.entity.js';
import { CustomerEntity } from './customer.entity.js';
import { OperatorTokenEntity } from './operator-token.entity.js';
import { ProviderKeyEntity } from './provider-key.entity.js';
import { SessionEntity } from './session.entity.js';
import { UserEntity } from './user.entity.js';

/** Every table this lib owns, for the data source. */
export const authEntities = [CustomerEntity, UserEntity, SessionEntity, OperatorTokenEntity, ApiKeyEntity, ProviderKeyEntity, AuditLogEntity];
