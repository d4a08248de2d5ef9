import { Logger } from '@nestjs/common';
import { Bus, type BusHandler } from './bus.js';

/** The bus of a single process. */
export class LocalBus extends Bus {
  private readonly log = new Logger('Bus');
  private readonly handlers = new Map<string, Set<BusHandler>>();

  get connected(): null {
    return null;
  }

  publish(channel: string, message: string): Promise<void> {
    this.deliver(channel, message);
    return Promise.resolve();
  }

  subscribe(channel: string, handler: BusHandler): () => void {
    // Wrapped, so that one function subscribed twice is two subscriptions.
    const own: BusHandler = (message) => handler(message);
    const set = this.handlers.get(channel) ?? new Set();
    this.handlers.set(channel, set.add(own));
    return () => {
      set.delete(own);
      if (set.size === 0 && this.handlers.get(channel) === set) this.handlers.delete(channel);
    };
  }

  /** Whether anybody in this process listens to the channel. */
  listens(channel: string): boolean {
    return this.handlers.has(channel);
  }

  channels(): string[] {
    return [...this.handlers.keys()];
  }

  deliver(channel: string, message: string): void {
    for (const handler of [...(this.handlers.get(channel) ?? [])]) {
      try {
        handler(message);
      } catch (error) {
        this.log.error(`a subscriber of ${channel} threw`, error instanceof Error ? error.stack : undefined);
      }
    }
  }
}
