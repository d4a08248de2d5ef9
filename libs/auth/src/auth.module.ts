import { type DynamicModule, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { Clock } from '@apex/common';
import { AUTH_CONFIG, type AuthConfig } from './auth.config.js';
import { KeyDirectory } from './adapters/key-directory.js';
import { openKeyring } from './adapters/keyring.js';
import { PasswordHasher } from './adapters/password-hasher.js';
import { ThrottledAuthenticator } from './adapters/throttled-authenticator.js';
import { TokenAuthenticator } from './adapters/token-authenticator.js';
import { SecretBox } from './core/secret-box.js';
import { AuthGuard } from './http/auth.guard.js';
import { CallerAuthenticator } from './ports/caller-authenticator.js';
import { ContentSealer } from './ports/content-sealer.js';
import { TermsStore } from './limits/ports/terms-store.js';
import { TermsService } from './limits/terms.service.js';
import { KeyStore } from './ports/key-store.js';
import { ApiKeysService } from './services/api-keys.service.js';
import { AuditLog } from './services/audit-log.service.js';
import { CustomersService } from './services/customers.service.js';
import { DemoSeeder } from './services/demo-seeder.service.js';
import { OperatorTokensService } from './services/operator-tokens.service.js';
import { ProviderKeysService } from './services/provider-keys.service.js';
import { SessionsService } from './services/sessions.service.js';
import { UsersService } from './services/users.service.js';

const DEFAULT_FAILURES_PER_MINUTE = 30;

/**
 * Accounts, keys and who may do what. Needs `DataSource`, `Bus` and `Clock` from global modules, and is global itself.
 * It guards every route of the application that imports it.
 */
@Module({})
export class AuthModule {
  static forRoot(config: AuthConfig): DynamicModule {
    const services = [AuditLog, CustomersService, ApiKeysService, ProviderKeysService, OperatorTokensService, UsersService, SessionsService, TermsService, DemoSeeder];
    return {
      module: AuthModule,
      global: true,
      providers: [
        { provide: AUTH_CONFIG, useValue: config },
        { provide: SecretBox, useFactory: () => openKeyring(config) },
        { provide: ContentSealer, useExisting: SecretBox },
        { provide: PasswordHasher, useFactory: () => new PasswordHasher() },
        KeyDirectory,
        { provide: KeyStore, useExisting: KeyDirectory },
        { provide: TermsStore, useExisting: KeyDirectory },
        TokenAuthenticator,
        {
          provide: CallerAuthenticator,
          inject: [TokenAuthenticator, Clock],
          useFactory: (tokens: TokenAuthenticator, clock: Clock) => new ThrottledAuthenticator(tokens, clock, config.failuresPerMinute ?? DEFAULT_FAILURES_PER_MINUTE),
        },
        ...services,
        { provide: APP_GUARD, useClass: AuthGuard },
      ],
      exports: [KeyStore, TermsStore, CallerAuthenticator, ContentSealer, ...services],
    };
  }
}
