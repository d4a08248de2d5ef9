import { hash } from 'node:crypto';
import { Inject, Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Bus } from '@apex/queue';
import { DataSource } from 'typeorm';
import { AUTH_CONFIG, type AuthConfig } from '../auth.config.js';
import { DirectoryState } from '../core/directory-state.js';
import { SecretBox } from '../core/secret-box.js';
import { isToken } from '../core/tokens.js';
import { type Tier } from '../core/tiers.js';
import { customerTermsFrom, keyLimitsFrom, termsRowFrom } from '../limits/adapters/terms-rows.js';
import { type KeyTerms } from '../limits/core/limits.js';
import { TermsState } from '../limits/core/terms-state.js';
import { type TermsStore } from '../limits/ports/terms-store.js';
import { type AuthenticatedKey, type KeyDenial, KeyStore, type ProviderCredential } from '../ports/key-store.js';
import { BEGINNING, type ProviderKeyRow, readChanges } from './directory-snapshot.js';

const CHANNEL = 'apex.keys';
const DEFAULT_POLL_MS = 500;
/** Of keys that were presented since the last look. */
const MAX_DIGESTS = 1_024;

/**
 * The key store, and the terms, in this process' memory. It loads everything at start (no start without Postgres), then follows
 * changes: at once when told so on the bus, and by looking every half second. While Postgres is away it goes on with
 * what it knows.
 */
@Injectable()
export class KeyDirectory extends KeyStore implements TermsStore, OnModuleInit, OnModuleDestroy {
  private readonly log = new Logger('KeyDirectory');
  private readonly state: DirectoryState;
  private readonly terms = new TermsState();
  private readonly pollMs: number;
  private boundary = BEGINNING;
  private latest: Promise<void> = Promise.resolve();
  private queued: Promise<void> | null = null;
  private readonly unreadable = new Set<string>();
  /**
   * Keys in use and their hashes: a key in use is presented with every request. What a hash stands for is asked anew each
   * time, only live keys come in, and they go with each look at the database, before it and after it.
   */
  private readonly digests = new Map<string, string>();
  private timer: NodeJS.Timeout | null = null;
  private unsubscribe: () => void = () => undefined;
  private stopped = false;
  private away = false;

  constructor(
    private readonly dataSource: DataSource,
    private readonly bus: Bus,
    private readonly secrets: SecretBox,
    @Inject(AUTH_CONFIG) config: AuthConfig,
  ) {
    super();
    this.state = new DirectoryState(config.platformKeys);
    this.pollMs = config.pollMs ?? DEFAULT_POLL_MS;
  }

  async onModuleInit(): Promise<void> {
    await this.refresh();
    this.unsubscribe = this.bus.subscribe(CHANNEL, () => void this.follow());
    this.schedule();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    this.digests.clear();
    this.unsubscribe();
    if (this.timer) clearTimeout(this.timer);
    await this.latest.catch(() => undefined);
  }

  override authenticate(presented: string, nowMs: number): AuthenticatedKey | KeyDenial {
    const known = this.digests.get(presented);
    if (known !== undefined) return this.state.authenticate(known, nowMs);
    if (!isToken('apex_', presented)) return 'unknown_key';
    const digest = hash('sha256', presented, 'hex');
    const answer = this.state.authenticate(digest, nowMs);
    // A copy: what was cut out of a request's text would keep all of that text.
    if (typeof answer !== 'string' && this.digests.size < MAX_DIGESTS && !this.stopped) this.digests.set(Buffer.from(presented, 'latin1').toString('latin1'), digest);
    return answer;
  }

  override providerCredential(customerId: string, provider: string): ProviderCredential | null {
    return this.state.providerCredential(customerId, provider);
  }

  keyTerms(customerId: string, keyId: string | null): KeyTerms | null {
    return this.terms.keyTerms(customerId, keyId);
  }

  tierOf(customerId: string): Tier | null {
    return this.terms.tierOf(customerId);
  }

  rankOf(tier: Tier): number | null {
    return this.terms.rankOf(tier);
  }

  get termsVersion(): number {
    return this.terms.version;
  }

  /**
   * Takes in what this process has just committed, then tells the others. Resolves when it is effective here; never
   * rejects, for the change itself is done: if Postgres went away in between, the next look finds it.
   */
  async announce(): Promise<void> {
    await this.follow();
    await this.bus.publish(CHANNEL, 'changed');
  }

  /** Looks once, starting after this call, and tells of an outage once. */
  private async follow(): Promise<void> {
    if (this.stopped) return;
    try {
      await this.refresh();
      if (this.away) this.log.log('Postgres is back: keys are up to date');
      this.away = false;
    } catch (error) {
      if (this.stopped) return;
      if (!this.away) this.log.warn(`keys cannot be refreshed; going on with those known (${error instanceof Error ? error.name : 'error'})`);
      this.away = true;
    }
  }

  /**
   * One look at a time, so that what is known only goes forward. A look that is under way may have missed what the
   * caller has just written, so a caller waits for one that starts later; all who come meanwhile share it.
   */
  private refresh(): Promise<void> {
    this.queued ??= this.latest
      .catch(() => undefined)
      .then(() => {
        this.queued = null;
        return this.apply();
      });
    this.latest = this.queued;
    return this.queued;
  }

  private async apply(): Promise<void> {
    const changes = await readChanges(this.dataSource, this.boundary);
    for (const row of changes.tiers) this.terms.putTier(row.name, { ...termsRowFrom(row), rank: row.rank });
    for (const row of changes.customer_terms) this.terms.putTerms(row.customer_id, customerTermsFrom(row));
    for (const row of changes.key_limits) this.terms.putKey(row.key_id, keyLimitsFrom(row));
    for (const row of changes.customers) this.terms.putCustomer(row.id, row.tier);
    for (const row of changes.customers) this.state.putCustomer(row.id, { tier: row.tier, platformKeys: row.platform_keys, suspended: row.suspended });
    for (const row of changes.keys) {
      this.state.putKey(row.hash, { keyId: row.id, customerId: row.customer_id, scopes: new Set(row.scopes), expiresAt: row.expires_ms, revoked: row.revoked });
    }
    for (const row of changes.provider_keys) {
      if (row.revoked) this.state.dropProviderKey(row.customer_id, row.provider, row.id);
      else this.state.putProviderKey(row.customer_id, row.provider, { id: row.id, apiKey: this.open(row) });
    }
    this.boundary = changes.boundary;
  }

  private open(row: ProviderKeyRow): string | null {
    try {
      return this.secrets.open(Buffer.from(row.ciphertext, 'base64'), { rowId: row.id, customerId: row.customer_id, provider: row.provider });
    } catch (error) {
      // A row may be seen more than once; one line tells it all.
      if (!this.unreadable.has(row.id)) this.log.error(`provider key ${row.id} cannot be opened: ${error instanceof Error ? error.message : 'unknown'}`);
      this.unreadable.add(row.id);
      return null;
    }
  }

  private schedule(): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.digests.clear();
      void this.follow().finally(() => {
        this.digests.clear();
        this.schedule();
      });
    }, this.pollMs);
    this.timer.unref();
  }
}
