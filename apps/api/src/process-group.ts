import { type GatewayMetrics, type RenderedMetrics } from '@apex/telemetry';

/** How the processes that share one port are doing. */
export interface GroupState {
  /** How many there are meant to be (`APEX_WORKERS`). */
  readonly configured: number;
  /** Of these, how many take traffic. */
  readonly serving: number;
  /** Of these, how many have ended so often in a row that somebody should look. They are still started again. */
  readonly failing: number;
  /** How often one that ended by itself was started again, since the start. */
  readonly restarts: number;
}

/** What a data-plane process knows of those beside it. */
export abstract class ProcessGroup {
  /** This process' number in the group, from 1. */
  abstract readonly worker: number;
  /** Whether each process listens by itself and the kernel spreads connections over them (SO_REUSEPORT). */
  abstract readonly reusePort: boolean;
  abstract state(): GroupState;
  /** The answer to a scrape: the whole group's, whichever process was asked. */
  abstract render(own: GatewayMetrics): Promise<RenderedMetrics>;
}

/** One process, as by default: nobody is asked and nothing is added up. */
export class Alone extends ProcessGroup {
  readonly worker = 1;
  readonly reusePort = false;

  state(): GroupState {
    return { configured: 1, serving: 1, failing: 0, restarts: 0 };
  }

  render(own: GatewayMetrics): Promise<RenderedMetrics> {
    return own.render();
  }
}
