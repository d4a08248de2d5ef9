/** Milliseconds during which a repeated signal is taken for the same wish: a terminal and npm both pass on Ctrl-C. */
const SAME_WISH_MS = 2_000;

export interface StopRequest {
  /** Resolves when this process is asked to end. */
  readonly asked: Promise<string>;
  /** Whether that has happened. */
  readonly pending: boolean;
}

/**
 * Listens for SIGTERM, SIGINT, SIGHUP and for the end of the process that started us. A wish repeated later than a
 * moment after the first one ends this process at once, by `giveUp`.
 */
export function listenForStop(giveUp: (why: string) => void): StopRequest {
  let first: number | null = null;
  let resolveAsked: (why: string) => void;
  const asked = new Promise<string>((resolve) => (resolveAsked = resolve));
  const ask = (why: string): void => {
    if (first === null) {
      first = performance.now();
      resolveAsked(why);
    } else if (performance.now() - first > SAME_WISH_MS) {
      giveUp(`${why}, again`);
    }
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => ask(signal));
  // A channel to the bootstrap, which ends with it.
  if (process.channel) process.once('disconnect', () => ask('the starting process ended'));
  return {
    asked,
    get pending() {
      return first !== null;
    },
  };
}
