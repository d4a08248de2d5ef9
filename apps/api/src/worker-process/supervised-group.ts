import { type GatewayMetrics, type MetricsSnapshot, type RenderedMetrics, renderTogether } from '@apex/telemetry';
import { type GroupState, ProcessGroup } from '../process-group.js';
import { type FromWorker } from './messages.js';

/** How long the supervisor may take to ask the others; it waits for them for less than that. */
const COUNTS_WITHIN_MS = 3_000;

/** The group as the supervisor tells of it. */
export class SupervisedGroup extends ProcessGroup {
  private latest: GroupState;
  private asked = 0;
  private readonly waiting = new Map<number, (snapshots: readonly MetricsSnapshot[]) => void>();

  constructor(
    readonly worker: number,
    readonly reusePort: boolean,
    state: GroupState,
    private readonly send: (message: FromWorker) => void,
  ) {
    super();
    this.latest = state;
  }

  state(): GroupState {
    return this.latest;
  }

  changed(state: GroupState): void {
    this.latest = state;
  }

  /** The supervisor's answer to one of our questions. */
  counted(id: number, snapshots: readonly MetricsSnapshot[]): void {
    this.waiting.get(id)?.(snapshots);
  }

  async render(own: GatewayMetrics): Promise<RenderedMetrics> {
    const [mine, others] = await Promise.all([own.snapshot(), this.others()]);
    return renderTogether([mine, ...others, this.own()]);
  }

  /** What the others have counted. A supervisor that does not answer leaves this process' own counts. */
  private async others(): Promise<readonly MetricsSnapshot[]> {
    const id = ++this.asked;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise((resolve) => {
        timer = setTimeout(() => resolve([]), COUNTS_WITHIN_MS);
        this.waiting.set(id, resolve);
        this.send({ kind: 'ask_counts', id });
      });
    } finally {
      clearTimeout(timer);
      this.waiting.delete(id);
    }
  }

  private own(): MetricsSnapshot {
    const { configured, serving, failing, restarts } = this.latest;
    const states = Object.entries({ configured, serving, failing }).map(([state, value]) => ({ labels: { state }, value }));
    return [
      { name: 'apex_workers', help: 'Data-plane processes behind this port, by state.', type: 'gauge', aggregator: 'sum', values: states },
      { name: 'apex_worker_restarts_total', help: 'Data-plane processes that ended by themselves and were started again.', type: 'counter', aggregator: 'sum', values: [{ labels: {}, value: restarts }] },
    ];
  }
}
