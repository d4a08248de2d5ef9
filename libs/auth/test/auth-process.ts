import { Global, Module } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { Clock, SystemClock } from '@apex/common';
import { createDataSource } from '@apex/database';
import { Bus, LocalBus, RedisBus } from '@apex/queue';
import { DataSource } from 'typeorm';
import { type AuthConfig } from '../src/auth.config.js';
import { AuthModule } from '../src/auth.module.js';
import { authEntities } from '../src/entities/index.js';
import { KeyDirectory } from '../src/adapters/key-directory.js';
import { CallerAuthenticator } from '../src/ports/caller-authenticator.js';
import { TermsService } from '../src/limits/terms.service.js';
import { ApiKeysService } from '../src/services/api-keys.service.js';
import { AuditLog } from '../src/services/audit-log.service.js';
import { CustomersService } from '../src/services/customers.service.js';
import { DemoSeeder } from '../src/services/demo-seeder.service.js';
import { OperatorTokensService } from '../src/services/operator-tokens.service.js';
import { ProviderKeysService } from '../src/services/provider-keys.service.js';
import { SessionsService } from '../src/services/sessions.service.js';
import { UsersService } from '../src/services/users.service.js';

export interface AuthProcessOptions {
  readonly url: string;
  readonly home: string;
  /** Without it: the bus of a single process. */
  readonly redisUrl?: string;
  readonly clock?: Clock;
  readonly statementTimeoutMs?: number;
  readonly config?: Partial<AuthConfig>;
}

/** What one process of Apex has of this lib: its own connections, bus and directory. For medium tests. */
export class AuthProcess {
  private constructor(
    private readonly module: TestingModule,
    private readonly bus: Bus,
    readonly dataSource: DataSource,
  ) {}

  static async start({ url, home, redisUrl, clock = new SystemClock(), statementTimeoutMs, config }: AuthProcessOptions): Promise<AuthProcess> {
    const dataSource = await createDataSource({ url, entities: authEntities, migrations: [], poolSize: 4, statementTimeoutMs }).initialize();
    const bus = redisUrl === undefined ? new LocalBus() : new RedisBus(redisUrl, `auth-test:${url.slice(-24)}:`);
    const stores = [
      { provide: DataSource, useValue: dataSource },
      { provide: Bus, useValue: bus },
      { provide: Clock, useValue: clock },
    ];
    @Global()
    @Module({ providers: stores, exports: stores })
    class Stores {}
    const module = await Test.createTestingModule({ imports: [Stores, AuthModule.forRoot({ home, platformKeys: {}, ...config })] }).compile();
    module.useLogger(false);
    await module.init();
    if (bus instanceof RedisBus) await bus.settled();
    return new AuthProcess(module, bus, dataSource);
  }

  get directory(): KeyDirectory {
    return this.module.get(KeyDirectory);
  }
  get customers(): CustomersService {
    return this.module.get(CustomersService);
  }
  get keys(): ApiKeysService {
    return this.module.get(ApiKeysService);
  }
  get terms(): TermsService {
    return this.module.get(TermsService);
  }
  get providerKeys(): ProviderKeysService {
    return this.module.get(ProviderKeysService);
  }
  get operators(): OperatorTokensService {
    return this.module.get(OperatorTokensService);
  }
  get callers(): CallerAuthenticator {
    return this.module.get(CallerAuthenticator);
  }
  get users(): UsersService {
    return this.module.get(UsersService);
  }
  get sessions(): SessionsService {
    return this.module.get(SessionsService);
  }
  get audit(): AuditLog {
    return this.module.get(AuditLog);
  }
  get seeder(): DemoSeeder {
    return this.module.get(DemoSeeder);
  }

  async stop(): Promise<void> {
    await this.module.close();
    if (this.bus instanceof RedisBus) this.bus.close();
    if (this.dataSource.isInitialized) await this.dataSource.destroy();
  }
}
