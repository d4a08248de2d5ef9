import { randomBytes } from 'node:crypto';
import { type Redis } from 'ioredis';
import { z } from 'zod';
import { Bus, type BusHandler } from './bus.js';
import { createRedis } from './connection.js';
import { LocalBus } from './local-bus.js';

const envelopeSchema = z.object({ from: z.string(), message: z.string() });

/**
 * The bus over Redis pub/sub. Messages carry their sender, so that this process, which has delivered to itself at once,
 * knows its own when they come back. After an outage ioredis subscribes again to all channels.
 */
export class RedisBus extends Bus {
  private readonly local = new LocalBus();
  private readonly self = randomBytes(9).toString('base64url');
  private readonly publisher: Redis;
  private readonly subscriber: Redis;

  constructor(
    url: string,
    private readonly prefix = 'apex:bus:',
  ) {
    super();
    this.publisher = createRedis({ url, name: 'bus-pub' });
    // No ready check: its INFO, sent behind a SUBSCRIBE that was quicker, is refused on a subscribed connection, and
    // nobody would catch that. A Redis that is still loading takes subscriptions.
    this.subscriber = createRedis({ url, name: 'bus-sub', whenAway: 'wait', options: { enableReadyCheck: false } });
    this.subscriber.on('message', (channel, payload) => this.receive(channel.slice(this.prefix.length), payload));
  }

  async publish(channel: string, message: string): Promise<void> {
    this.local.deliver(channel, message);
    try {
      await this.connecting();
      await this.publisher.publish(this.prefix + channel, JSON.stringify({ from: this.self, message }));
    } catch {
      // Redis is away, which its connection has told: other processes learn by looking themselves.
    }
  }

  subscribe(channel: string, handler: BusHandler): () => void {
    if (!this.local.listens(channel)) this.send('subscribe', channel);
    const unsubscribe = this.local.subscribe(channel, handler);
    return () => {
      unsubscribe();
      if (!this.local.listens(channel)) this.send('unsubscribe', channel);
    };
  }

  /** Resolves when everything subscribed so far is known to Redis; rejects when the bus is closed first. */
  async settled(): Promise<void> {
    await this.subscriber.ping();
  }

  get connected(): boolean {
    return this.publisher.status === 'ready' && this.subscriber.status === 'ready';
  }

  close(): void {
    this.publisher.disconnect();
    this.subscriber.disconnect();
  }

  /** A first connection under way is waited for, so that what is said right after the start is not lost. */
  private async connecting(): Promise<void> {
    if (!['connecting', 'connect'].includes(this.publisher.status)) return;
    await new Promise<void>((resolve) => {
      const settle = (): void => {
        this.publisher.off('ready', settle).off('close', settle);
        resolve();
      };
      this.publisher.on('ready', settle).on('close', settle);
    });
  }

  private send(command: 'subscribe' | 'unsubscribe', channel: string): void {
    // Waits for Redis if it is away; rejected only when the bus is closed meanwhile.
    this.subscriber[command](this.prefix + channel).catch(() => undefined);
  }

  private receive(channel: string, payload: string): void {
    let envelope: z.infer<typeof envelopeSchema>;
    try {
      envelope = envelopeSchema.parse(JSON.parse(payload));
    } catch {
      return;
    }
    if (envelope.from !== this.self) this.local.deliver(channel, envelope.message);
  }
}
