import { FlagRepository } from '../src/adapters/flag-repository.js';
import { UnleashRouter } from '../src/adapters/unleash-router.js';
import { BASE_FLAGS } from '../src/core/definitions.js';
import { type FlagState } from '../src/core/flag-state.js';

export const OFF: FlagState = { flags: [], traffic: { gatewayPercentage: 0, stickiness: 'customer', alsoFor: [] } };

/** A state with the gateway's flag on and this traffic. */
export const trafficOf = (traffic: Partial<FlagState['traffic']>): FlagState => ({
  flags: [{ name: 'gateway_enabled', enabled: true, alsoFor: [] }],
  traffic: { ...OFF.traffic, ...traffic },
});

/** The real repository and the real Unleash client over a state in memory: for tests and benchmarks without stores. */
export class MemoryFlags {
  reads = 0;
  readonly repository: FlagRepository;
  readonly router: UnleashRouter;
  private messageHandlers = new Set<() => void>();

  constructor(
    public state: FlagState | Error = OFF,
    pollMs = 60_000,
  ) {
    this.repository = new FlagRepository({
      definitions: BASE_FLAGS,
      pollMs,
      read: async () => {
        this.reads++;
        if (this.state instanceof Error) throw this.state;
        return JSON.stringify(this.state);
      },
      subscribe: (handler) => {
        this.messageHandlers.add(handler);
        return () => this.messageHandlers.delete(handler);
      },
    });
    this.router = new UnleashRouter(this.repository);
  }

  get subscribers(): number {
    return this.messageHandlers.size;
  }

  /** As when another process announces a change. */
  message(): void {
    for (const handler of this.messageHandlers) handler();
  }

  async become(state: FlagState | Error): Promise<void> {
    this.state = state;
    await this.repository.refresh();
  }
}
