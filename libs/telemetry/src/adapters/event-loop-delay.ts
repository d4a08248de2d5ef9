import { monitorEventLoopDelay } from 'node:perf_hooks';

/** How often the loop is asked. Node's own timer does it; no JavaScript runs. */
const EVERY_MS = 20;

/** By how much the event loop was late since it was last read, without the interval that Node's histogram includes. */
export class EventLoopDelay {
  private readonly histogram = monitorEventLoopDelay({ resolution: EVERY_MS });

  constructor() {
    this.histogram.enable();
  }

  /** Seconds by quantile; begins anew. */
  read(): readonly { readonly quantile: string; readonly seconds: number }[] {
    const { histogram } = this;
    const delays = [
      { quantile: '0.5', seconds: late(histogram.percentile(50)) },
      { quantile: '0.99', seconds: late(histogram.percentile(99)) },
      { quantile: '1', seconds: late(histogram.max) },
    ];
    histogram.reset();
    return delays;
  }
}

const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - EVERY_MS) / 1_000;
