export type BusHandler = (message: string) => void;

/**
 * Tells all processes of Apex something, at most once: who is away misses it. State therefore never depends on it
 * alone; a message says "look now", and every receiver looks by itself from time to time as well.
 */
export abstract class Bus {
  /**
   * Delivers to every subscriber, exactly once in this process (before the promise resolves, whether Redis is there or
   * not) and at most once in each other one. Never rejects.
   */
  abstract publish(channel: string, message: string): Promise<void>;
  /** @returns how to unsubscribe. A handler that throws is logged and disturbs nobody else. */
  abstract subscribe(channel: string, handler: BusHandler): () => void;

  /** Whether other processes can be reached now; null where there is nothing to reach them by. */
  abstract get connected(): boolean | null;
}
