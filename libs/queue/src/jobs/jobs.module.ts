import { type DynamicModule, type InjectionToken, Module } from '@nestjs/common';
import { BullModule, getQueueToken } from '@nestjs/bullmq';
import { type Queue } from 'bullmq';
import { JobQueues } from './job-queues.js';
import { LocalJobs } from './local-jobs.js';
import { JobRunner, type RecurringJob } from './recurring-job.js';
import { type JobWorker, RedisJobs, workerOf } from './redis-jobs.js';

export interface JobsConfig {
  /** null: there is no Redis; this process is the only one. */
  readonly redisUrl: string | null;
  /** Whether this process runs jobs, or only shows what is queued. */
  readonly runs: boolean;
}

export interface JobsOfQueue {
  readonly queue: string;
  readonly inject: readonly InjectionToken[];
  /** Called where jobs run. */
  // The container checks these no more than it does a provider's.
  readonly useFactory: (...dependencies: any[]) => readonly RecurringJob[]; // eslint-disable-line @typescript-eslint/no-explicit-any
}

/**
 * Recurring jobs. Of all processes that share a Redis one runs each turn of a job; where Redis is away, turns wait for it;
 * where there is none, the only process runs them by its own clock. Needs `QueueModule`.
 */
@Module({})
export class JobsModule {
  static forFeature({ redisUrl, runs }: JobsConfig, { queue, inject, useFactory }: JobsOfQueue): DynamicModule {
    const runner = Symbol(`jobs of ${queue}`);
    const running = { provide: runner, useFactory: (...dependencies: unknown[]) => new JobRunner(queue, useFactory(...dependencies)), inject: [...inject] };
    if (redisUrl === null) {
      const local = { provide: LocalJobs, useFactory: (own: JobRunner) => new LocalJobs(own), inject: [runner] };
      return { module: JobsModule, providers: runs ? [running, local] : [] };
    }
    const imports = [BullModule.registerQueue({ name: queue })];
    if (!runs) {
      const shown = { provide: RedisJobs, useFactory: (own: Queue, queues: JobQueues) => new RedisJobs(own, queues, null), inject: [getQueueToken(queue), JobQueues] };
      return { module: JobsModule, imports, providers: [shown] };
    }
    const worker = workerOf(queue);
    return {
      module: JobsModule,
      imports,
      providers: [
        running,
        { provide: worker, useFactory: (own: JobRunner) => new worker(own), inject: [runner] },
        { provide: RedisJobs, useFactory: (own: Queue, queues: JobQueues, ownRunner: JobRunner, ownWorker: JobWorker) => new RedisJobs(own, queues, { runner: ownRunner, worker: ownWorker }), inject: [getQueueToken(queue), JobQueues, runner, worker] },
      ],
    };
  }
}
