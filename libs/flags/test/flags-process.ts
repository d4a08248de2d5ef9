import { once } from 'node:events';
import { Global, Module } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { AuditLog } from '@apex/auth';
import { Clock, SystemClock } from '@apex/common';
import { createDataSource } from '@apex/database';
import { Bus, RedisBus } from '@apex/queue';
import { DataSource } from 'typeorm';
import { FlagRepository } from '../src/adapters/flag-repository.js';
import { UnleashRouter } from '../src/adapters/unleash-router.js';
import { flagEntities } from '../src/entities/index.js';
import { FlagsModule, type FlagsConfig } from '../src/flags.module.js';
import { FlagsService } from '../src/flags.service.js';
import { TrafficRouter } from '../src/ports/traffic-router.js';

/** What one process of Apex has: its own connections, its own bus, its own Unleash client. For medium tests. */
export class FlagsProcess {
  private constructor(
    private readonly module: TestingModule,
    private readonly bus: Bus,
  ) {}

  static async start(url: string, bus: Bus, config: FlagsConfig = {}): Promise<FlagsProcess> {
    const dataSource = await createDataSource({ url, entities: flagEntities, migrations: [], poolSize: 3 }).initialize();
    @Global()
    @Module({
      providers: [{ provide: DataSource, useValue: dataSource }, { provide: Bus, useValue: bus }, { provide: Clock, useClass: SystemClock }, AuditLog],
      exports: [DataSource, Bus, Clock, AuditLog],
    })
    class Stores {}
    const module = await Test.createTestingModule({ imports: [Stores, FlagsModule.forRoot(config)] }).compile();
    module.useLogger(false);
    await module.init();
    return new FlagsProcess(module, bus);
  }

  get service(): FlagsService {
    return this.module.get(FlagsService);
  }

  get traffic(): TrafficRouter {
    return this.module.get(TrafficRouter);
  }

  get repository(): FlagRepository {
    return this.module.get(FlagRepository);
  }

  get router(): UnleashRouter {
    return this.module.get(UnleashRouter);
  }

  get dataSource(): DataSource {
    return this.module.get(DataSource);
  }

  /** Resolves when this process has taken in somebody's change. Ask before the change is made. */
  async changed(): Promise<void> {
    await once(this.repository, 'changed');
  }

  async stop(): Promise<void> {
    await this.module.close();
    if (this.bus instanceof RedisBus) this.bus.close();
    await this.dataSource.destroy();
  }
}
