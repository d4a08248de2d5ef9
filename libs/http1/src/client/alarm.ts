/** Two rings are at least this far apart: what is due in between is late by as much. */
const RESOLUTION_MS = 20;

/**
 * One timer for all deadlines of a client. Most deadlines are put off or dropped long before they are due: setting one
 * costs a comparison, and the timer is set anew only where a deadline comes before all others. When it rings, everybody is
 * asked for the next one. It rings after the sockets have been read once more: a process that was held up does not blame
 * others for what has arrived meanwhile.
 */
export class Alarm {
  private timer: NodeJS.Timeout | null = null;
  private at = Infinity;

  /** `ring` ends what is due at `now` and returns the next deadline; Infinity for none. */
  constructor(private readonly ring: (now: number) => number) {}

  /** Sees to it that it rings at `deadline` (on the clock of `performance.now()`), or up to 20 ms later. */
  by(deadline: number): void {
    if (deadline < this.at) this.set(deadline, performance.now());
  }

  stop(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.at = Infinity;
  }

  private set(deadline: number, now: number): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.at = deadline;
    // Open calls keep the process alive by their sockets; what only waits for a time-out need not.
    this.timer = setTimeout(this.onTimer, Math.min(Math.ceil(deadline - now) + 1, 2 ** 31 - 1)).unref();
  }

  private readonly onTimer = (): void => {
    this.timer = null;
    // Until it has rung nobody need set it.
    this.at = -Infinity;
    setImmediate(() => {
      if (this.at !== -Infinity) return;
      this.at = Infinity;
      const now = performance.now();
      const next = this.ring(now);
      if (next < this.at) this.set(Math.max(next, now + RESOLUTION_MS), now);
    });
  };
}
