import { join } from 'node:path';
import { Injectable, Logger } from '@nestjs/common';
import { ApexError, Clock } from '@apex/common';
import { z } from 'zod';
import { KeyDirectory } from '../adapters/key-directory.js';
import { readFileIfAny, writeSecretFile } from '../adapters/secret-files.js';
import { CallerContext } from '../core/caller.js';
import { SCOPES } from '../core/scopes.js';
import { ApiKeysService } from './api-keys.service.js';
import { CustomersService } from './customers.service.js';
import { OperatorTokensService } from './operator-tokens.service.js';

const DEMO = 'demo';
const SEEDER: CallerContext = { kind: 'operator', name: 'demo-seeder' };
const REASON = 'the demo customer of a first start';

const credentialsSchema = z.object({ baseUrl: z.string(), apiKey: z.string(), adminToken: z.string() });
export type DemoCredentials = z.output<typeof credentialsSchema>;

export interface DemoOptions {
  /** APEX_HOME: the credentials go to `home/credentials.json`, mode 0600. */
  readonly home: string;
  /** Where Apex answers now; the file is brought up to date. */
  readonly baseUrl: string;
  /** Whether a new demo customer may use the platform's provider keys; default true. One that exists keeps what it has. */
  readonly platformKeys?: boolean;
}

/** The customer, key and admin token with which a newcomer's first request works. */
@Injectable()
export class DemoSeeder {
  private readonly log = new Logger('DemoSeeder');

  constructor(
    private readonly customers: CustomersService,
    private readonly keys: ApiKeysService,
    private readonly operators: OperatorTokensService,
    private readonly directory: KeyDirectory,
    private readonly clock: Clock,
  ) {}

  /** Makes what is missing. What the file holds is used again if the database still honours it; nothing is revoked. */
  async ensure({ home, baseUrl, platformKeys = true }: DemoOptions): Promise<DemoCredentials> {
    const path = join(home, 'credentials.json');
    const known = parseCredentials(await readFileIfAny(path));
    await this.ensureCustomer(platformKeys);
    const apiKey = known && this.isDemoKey(known.apiKey) ? known.apiKey : await this.newKey();
    const adminToken = known && (await this.operators.nameOf(known.adminToken)) !== null ? known.adminToken : (await this.operators.create(SEEDER, { name: DEMO, reason: REASON })).token;
    const credentials = { baseUrl, apiKey, adminToken };
    await writeSecretFile(path, `${JSON.stringify(credentials, null, 2)}\n`);
    return credentials;
  }

  private async ensureCustomer(platformKeys: boolean): Promise<void> {
    if (await this.customers.exists(DEMO)) return;
    try {
      await this.customers.create(SEEDER, { id: DEMO, name: 'Demo', tier: 'early', platformKeys, reason: REASON });
      this.log.log('made the demo customer');
    } catch (error) {
      // Another process on the same database was faster.
      if (!(error instanceof ApexError) || error.code !== 'customer_exists') throw error;
    }
  }

  private isDemoKey(apiKey: string): boolean {
    const found = this.directory.authenticate(apiKey, this.clock.now());
    return typeof found !== 'string' && found.customerId === DEMO && SCOPES.every((scope) => found.scopes.has(scope));
  }

  private async newKey(): Promise<string> {
    const created = await this.keys.create(SEEDER, DEMO, { name: DEMO, scopes: [...SCOPES], expiresAt: null, reason: REASON });
    return created.key;
  }
}

/** A file that somebody broke counts as none: a new one is written. */
function parseCredentials(text: string | null): DemoCredentials | null {
  if (text === null) return null;
  try {
    return credentialsSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
