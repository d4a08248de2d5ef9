import { type OnApplicationShutdown } from '@nestjs/common';
import { type Queue } from 'bullmq';
import { type Redis } from 'ioredis';
import { createRedis } from '../connection.js';

/** The queues of this process, and the connection that they share. Without Redis there are none. */
export class JobQueues implements OnApplicationShutdown {
  private readonly queues = new Map<string, Queue>();
  /** BullMQ needs one that waits for Redis: what is asked of a queue while Redis is away is done when it is back. */
  readonly connection: Redis | null;

  /** @param prefix of all keys: two deployments on one Redis have different ones, and so different queues */
  constructor(
    url: string | null,
    readonly prefix: string,
  ) {
    this.connection = url === null ? null : createRedis({ url, name: 'jobs', whenAway: 'wait' });
  }

  add(queue: Queue): void {
    this.queues.set(queue.name, queue);
  }

  all(): readonly Queue[] {
    return [...this.queues.values()];
  }

  onApplicationShutdown(): void {
    this.connection?.disconnect();
  }
}
