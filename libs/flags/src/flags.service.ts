import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { ApexError, Clock } from '@apex/common';
import { Bus } from '@apex/queue';
import { DataSource } from 'typeorm';
import { type Authority, FlagRepository } from './adapters/flag-repository.js';
import { type Change, FlagStore } from './adapters/flag-store.js';
import { realisedShare, type RealisedShare } from './adapters/realised-share.js';
import { type UnleashFeed } from './adapters/unleash-feed.js';
import { ROLLOUT_FEATURE } from './adapters/unleash-features.js';
import { UnleashRouter } from './adapters/unleash-router.js';
import { type FlagDefinition } from './core/definitions.js';
import { type Stickiness } from './core/flag-state.js';
import { type FeatureFlagEntity } from './entities/feature-flag.entity.js';
import { FLAG_DEFINITIONS, FLAGS_CHANNEL, UNLEASH_FEED } from './flags.tokens.js';

export interface FlagView {
  readonly name: string;
  readonly description: string;
  /** As it is in force, for a customer whom no exception names. */
  readonly enabled: boolean;
  readonly authority: Authority;
  /** Customers for whom it is on although `enabled` is false. */
  readonly alsoFor: readonly string[];
  /** `default` until an admin has set it. */
  readonly updatedBy: string;
  readonly updatedAt: Date | null;
}

export interface TrafficView {
  readonly gatewayPercentage: number;
  /** The complement of `gatewayPercentage`. */
  readonly legacyPercentage: number;
  readonly stickiness: Stickiness;
  readonly authority: Authority;
  /** Customers who are inside although the percentage leaves them out. */
  readonly alsoFor: readonly string[];
  readonly realised: RealisedShare;
  readonly updatedBy: string;
  readonly updatedAt: Date;
}

/**
 * Flags and traffic: asking (from memory, at any rate) and changing (audited, in force here when the call returns and
 * in every other process within a second).
 */
@Injectable()
export class FlagsService implements OnModuleInit, OnModuleDestroy {
  constructor(
    @Inject(FLAG_DEFINITIONS) private readonly definitions: ReadonlyMap<string, FlagDefinition>,
    private readonly store: FlagStore,
    private readonly repository: FlagRepository,
    private readonly router: UnleashRouter,
    private readonly bus: Bus,
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    @Inject(UNLEASH_FEED) private readonly feed: UnleashFeed | null,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.store.seed([...this.definitions.keys()]);
    await this.router.start();
    await this.feed?.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.feed?.stop();
    this.router.stop();
    await this.repository.drained();
  }

  /**
   * Whether a flag is on, for this customer if one is named. Synchronous, from memory.
   * @throws ApexError `unknown_flag` for a name that no code defines
   */
  isEnabled(name: string, subject: { customerId?: string } = {}): boolean {
    if (!this.definitions.has(name)) throw unknownFlag(name);
    return this.router.isEnabled(name, subject.customerId ?? null);
  }

  async list(): Promise<FlagView[]> {
    const rows = new Map((await this.store.flags()).map((row) => [row.name, row]));
    return [...this.definitions.values()].map((definition) => this.view(definition, rows.get(definition.name)));
  }

  /** @throws ApexError 404 `unknown_flag` */
  async get(name: string): Promise<FlagView> {
    this.definition(name);
    const found = (await this.list()).find((flag) => flag.name === name);
    if (!found) throw unknownFlag(name);
    return found;
  }

  /**
   * Turns a flag on or off for everybody; exceptions made for single customers end.
   * @throws ApexError 404 `unknown_flag`, 409 `set_in_unleash`
   */
  async set(name: string, enabled: boolean, change: Change): Promise<FlagView> {
    this.definition(name);
    this.mayBeSetHere(name);
    await this.store.setFlag(name, enabled, change);
    await this.announce();
    return this.get(name);
  }

  async traffic(): Promise<TrafficView> {
    const [row, realised] = await Promise.all([this.store.traffic(), realisedShare(this.dataSource, this.clock.now())]);
    const { updatedAt } = row;
    const authority = this.repository.authority(ROLLOUT_FEATURE);
    const { gatewayPercentage, stickiness, alsoFor, updatedBy } = authority === 'apex' ? row : { ...this.router.rollout(), alsoFor: [], updatedBy: 'unleash' };
    return { gatewayPercentage, legacyPercentage: 100 - gatewayPercentage, stickiness, authority, alsoFor, realised, updatedBy, updatedAt };
  }

  /** Sets the percentage, and the stickiness if given; exceptions made for single customers end. @throws ApexError 409 `set_in_unleash` */
  async setTraffic(wanted: { gatewayPercentage: number; stickiness?: Stickiness }, change: Change): Promise<TrafficView> {
    this.mayBeSetHere(ROLLOUT_FEATURE);
    await this.store.setTraffic(wanted, change);
    await this.announce();
    return this.traffic();
  }

  /**
   * Turns the gateway on for the quick start's own demo customer, and nobody else. What an admin has set, be it the flag
   * or the traffic, stays as it is; the two are independent.
   */
  async quickStartFor(customerId: string): Promise<void> {
    if (await this.store.quickStart(customerId)) await this.announce();
  }

  /** What the server lists is its own to change; what it lists no more, an admin may take over. */
  private mayBeSetHere(name: string): void {
    if (this.repository.authority(name) === 'unleash') {
      throw new ApexError('set_in_unleash', 409, `The Unleash server decides about '${name}': change it there. Once its toggle is archived there, it can be set here again.`);
    }
  }

  private view({ name, description }: FlagDefinition, row: FeatureFlagEntity | undefined): FlagView {
    const authority = this.repository.authority(name);
    if (authority !== 'apex') return { name, description, enabled: this.router.isEnabled(name, null), authority, alsoFor: [], updatedBy: 'unleash', updatedAt: null };
    return { name, description, enabled: row?.enabled ?? false, authority, alsoFor: row?.alsoFor ?? [], updatedBy: row?.updatedBy ?? 'default', updatedAt: row?.updatedAt ?? null };
  }

  private definition(name: string): FlagDefinition {
    const definition = this.definitions.get(name);
    if (!definition) throw unknownFlag(name);
    return definition;
  }

  private async announce(): Promise<void> {
    const inForce = this.repository.refresh();
    // Not waited for: a Redis that hangs must not hold up the operator, and the others look by themselves as well.
    void this.bus.publish(FLAGS_CHANNEL, 'changed');
    await inForce;
  }
}

const unknownFlag = (name: string): ApexError => new ApexError('unknown_flag', 404, `There is no flag '${name.slice(0, 64)}'.`);
