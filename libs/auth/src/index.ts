export { AuthModule } from './auth.module.js';
export { authEnvSchema, type AuthConfig } from './auth.config.js';
export { authEntities } from './entities/index.js';
export { type Scope } from './core/scopes.js';
export { TIERS, type Tier } from './core/tiers.js';
export { type CallerContext, type Access, actorOf, isOperator } from './core/caller.js';
export { KeyStore, type AuthenticatedKey, type KeyDenial, type ProviderCredential } from './ports/key-store.js';
export { type Limits } from './limits/core/limits.js';
export { type Terms } from './limits/core/terms.js';
export { type BillingMonth, billingMonthAt } from './limits/core/billing-month.js';
export { LIMIT_NAMES, type LimitName } from './limits/core/meter.js';
export { Limiter, type Admission, type Claim, type KeyLimiter, type Limited, type LimitState, type LimitUse, type Reservation, type Usage } from './limits/ports/limiter.js';
export { TermsStore } from './limits/ports/terms-store.js';
export { LimitsModule } from './limits/limits.module.js';
export { TermsService, termsView } from './limits/terms.service.js';
export {
  keyLimitsSchema,
  limitsUseViewSchema,
  setTermsSchema,
  setTierSchema,
  termsViewSchema,
  tierViewSchema,
  updateKeySchema,
  type LimitsUseView,
  type SetTermsInput,
  type SetTierInput,
  type TermsChange,
  type TermsView,
  type TierChange,
  type TierView,
  type UpdateKeyInput,
} from './limits/core/inputs.js';
export { ContentSealer } from './ports/content-sealer.js';
export { ContentBox, NONCE_BYTES } from './core/content-box.js';
export { CallerAuthenticator } from './ports/caller-authenticator.js';
export { Public, Authenticated, AdminOnly, CustomerAccess, RequiresTier, Caller, CustomerId, BearerToken } from './http/access.decorators.js';
export { AuthGuard } from './http/auth.guard.js';
export { findUndeclaredRoutes } from './http/undeclared-routes.js';
export { AuditLog, type AuditEntry } from './services/audit-log.service.js';
export { CustomersService } from './services/customers.service.js';
export { ApiKeysService } from './services/api-keys.service.js';
export { ProviderKeysService } from './services/provider-keys.service.js';
export { OperatorTokensService } from './services/operator-tokens.service.js';
export { UsersService } from './services/users.service.js';
export { SessionsService } from './services/sessions.service.js';
export { DemoSeeder, type DemoCredentials, type DemoOptions } from './services/demo-seeder.service.js';
export {
  pageSchema,
  reasonQuerySchema,
  createCustomerSchema,
  updateCustomerSchema,
  createKeySchema,
  rotateKeySchema,
  createUserSchema,
  updateUserSchema,
  createOperatorTokenSchema,
  resealSchema,
  providerNameSchema,
  setProviderKeySchema,
  loginSchema,
  auditQuerySchema,
  type Page,
  type ReasonQuery,
  type CreateCustomerInput,
  type UpdateCustomerInput,
  type CreateKeyInput,
  type RotateKeyInput,
  type CreateUserInput,
  type UpdateUserInput,
  type CreateOperatorTokenInput,
  type ResealInput,
  type SetProviderKeyInput,
  type LoginInput,
  type AuditQuery,
} from './core/inputs.js';
export {
  listOf,
  customerViewSchema,
  keyViewSchema,
  createdKeySchema,
  rotatedKeySchema,
  userViewSchema,
  providerKeyViewSchema,
  operatorTokenViewSchema,
  createdOperatorTokenSchema,
  resealedSchema,
  auditEntryViewSchema,
  signedInSchema,
  meSchema,
  type ListOf,
  type CustomerView,
  type KeyView,
  type CreatedKey,
  type RotatedKey,
  type UserView,
  type ProviderKeyView,
  type OperatorTokenView,
  type CreatedOperatorToken,
  type Resealed,
  type AuditEntryView,
  type SignedIn,
  type Me,
} from './core/views.js';
