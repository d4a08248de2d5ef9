import { type AuditLog } from '@apex/auth';
import { type DataSource, type EntityManager } from 'typeorm';
import { GATEWAY_ENABLED } from '../core/definitions.js';
import { type TrafficSetting } from '../core/flag-state.js';
import { type ServerToggle } from '../core/server-toggles.js';
import { FeatureFlagEntity } from '../entities/feature-flag.entity.js';
import { TrafficEntity } from '../entities/traffic.entity.js';
import { ROLLOUT_FEATURE } from './unleash-features.js';

/** Who changes something, and why; both end up in the audit log. */
export interface Change {
  readonly actor: string;
  readonly reason: string;
}

/** `updated_by` of a row that no admin has set yet. */
const UNTOUCHED = 'default';

/** One statement, so that flags and traffic are of one moment. What evaluation does not need is not in it. */
const STATE = `
  select jsonb_build_object(
    'flags', (select coalesce(jsonb_agg(jsonb_build_object('name', name, 'enabled', enabled, 'alsoFor', also_for) order by name), '[]') from feature_flags),
    'traffic', (select jsonb_build_object('gatewayPercentage', gateway_percentage, 'stickiness', stickiness, 'alsoFor', also_for) from traffic),
    'lastKnown', (select coalesce(jsonb_object_agg(name, toggle), '{}') from unleash_toggles where environment = $1)
  )::text as state`;

/** The rows: reading them, and changing them under a lock with the audit record in the same transaction. */
export class FlagStore {
  constructor(
    private readonly dataSource: DataSource,
    private readonly audit: Pick<AuditLog, 'record'>,
    /** Unleash's, of which the last known state counts; null counts none. */
    private readonly environment: string | null = null,
  ) {}

  /** Makes the rows that are missing; the others stay as they are. */
  async seed(names: readonly string[]): Promise<void> {
    await this.dataSource.query('insert into feature_flags (name) select unnest($1::text[]) on conflict do nothing', [names]);
  }

  /** The whole state as JSON text (`flagStateSchema`). */
  async readState(): Promise<string> {
    const rows = await this.dataSource.query<{ state: string }[]>(STATE, [this.environment]);
    const state = rows[0]?.state;
    if (state === undefined) throw new Error('no state was read');
    return state;
  }

  /** Keeps what the Unleash server has said, for the time when it does not. */
  async keepToggles(toggles: readonly ServerToggle[]): Promise<void> {
    await this.dataSource.query(
      `insert into unleash_toggles (environment, name, toggle) select $1, one->>'name', one from jsonb_array_elements($2::jsonb) one
       on conflict (environment, name) do update set toggle = excluded.toggle, changed_at = now() where unleash_toggles.toggle is distinct from excluded.toggle`,
      [this.environment, JSON.stringify(toggles)],
    );
  }

  async flags(): Promise<FeatureFlagEntity[]> {
    return this.dataSource.getRepository(FeatureFlagEntity).find();
  }

  async traffic(): Promise<TrafficEntity> {
    return this.dataSource.getRepository(TrafficEntity).findOneByOrFail({ id: 1 });
  }

  /** An explicit setting speaks for everybody: it empties the list of exceptions. */
  async setFlag(name: string, enabled: boolean, change: Change): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      await this.changeFlag(manager, name, { enabled, alsoFor: [], updatedBy: change.actor }, { action: 'flag.set', ...change });
      await this.forgetToggle(manager, name);
    });
  }

  /** As `setFlag`; without `stickiness` it stays as it is. */
  async setTraffic(wanted: { gatewayPercentage: number; stickiness?: TrafficSetting['stickiness'] }, change: Change): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      await this.changeTraffic(manager, { ...wanted, alsoFor: [], updatedBy: change.actor }, { action: 'traffic.set', ...change });
      await this.forgetToggle(manager, ROLLOUT_FEATURE);
    });
  }

  /**
   * Puts this one customer on the gateway, in each of the two rows that no admin has ever set. Rows stay untouched in
   * the sense of `updated_by`, so the next quick start may do the same.
   * @returns whether anything had to change
   */
  async quickStart(customerId: string): Promise<boolean> {
    const record = { action: 'quick_start', actor: 'quick-start', reason: 'The quick start turns the gateway on for its own demo customer.' };
    const wanted = { alsoFor: [customerId] };
    const isNews = (row: { updatedBy: string; alsoFor: string[] }): boolean => row.updatedBy === UNTOUCHED && !(row.alsoFor.length === 1 && row.alsoFor[0] === customerId);
    return this.dataSource.transaction(async (manager) => {
      const flag = await this.changeFlag(manager, GATEWAY_ENABLED, wanted, record, isNews);
      const traffic = await this.changeTraffic(manager, wanted, record, isNews);
      return flag || traffic;
    });
  }

  /** An admin's setting takes over from what Unleash said when it still listed the toggle. */
  private async forgetToggle(manager: EntityManager, name: string): Promise<void> {
    await manager.query('delete from unleash_toggles where environment = $1 and name = $2', [this.environment, name]);
  }

  private async changeFlag(
    manager: EntityManager,
    name: string,
    wanted: Partial<FeatureFlagEntity>,
    record: Change & { action: string },
    onlyIf: (row: FeatureFlagEntity) => boolean = () => true,
  ): Promise<boolean> {
    await manager.query('insert into feature_flags (name) values ($1) on conflict do nothing', [name]);
    const row = await manager.findOneOrFail(FeatureFlagEntity, { where: { name }, lock: { mode: 'pessimistic_write' } });
    if (!onlyIf(row)) return false;
    const before = { enabled: row.enabled, alsoFor: row.alsoFor };
    const after = { ...before, ...given({ enabled: wanted.enabled, alsoFor: wanted.alsoFor }) };
    await manager.update(FeatureFlagEntity, { name }, { ...given(wanted), updatedAt: () => 'clock_timestamp()' });
    await this.audit.record({ ...record, target: `flag:${name}`, before, after }, manager);
    return true;
  }

  private async changeTraffic(
    manager: EntityManager,
    wanted: Partial<TrafficEntity>,
    record: Change & { action: string },
    onlyIf: (row: TrafficEntity) => boolean = () => true,
  ): Promise<boolean> {
    const row = await manager.findOneOrFail(TrafficEntity, { where: { id: 1 }, lock: { mode: 'pessimistic_write' } });
    if (!onlyIf(row)) return false;
    const before = { gatewayPercentage: row.gatewayPercentage, stickiness: row.stickiness, alsoFor: row.alsoFor };
    const after = { ...before, ...given({ gatewayPercentage: wanted.gatewayPercentage, stickiness: wanted.stickiness, alsoFor: wanted.alsoFor }) };
    await manager.update(TrafficEntity, { id: 1 }, { ...given(wanted), updatedAt: () => 'clock_timestamp()' });
    await this.audit.record({ ...record, target: 'traffic', before, after }, manager);
    return true;
  }
}

/** Without the fields that were not given. */
const given = <T extends object>(wanted: T): T => Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined)) as T;
