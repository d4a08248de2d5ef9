import { Logger, type OnApplicationBootstrap, type OnModuleDestroy, type Type } from '@nestjs/common';
import { OnWorkerEvent, Processor, WorkerHost } from '@nestjs/bullmq';
import { type Job, type Queue } from 'bullmq';
import { type JobQueues } from './job-queues.js';
import { type JobRunner } from './recurring-job.js';

/** Of ended jobs so many are kept to be looked at. */
const KEPT = { removeOnComplete: { count: 50 }, removeOnFail: { count: 200 } };
/** A Redis that has lost its data has lost the schedules as well. */
const SCHEDULES_EVERY_MS = 60_000;

/** The outages of Redis are told by its connection; every attempt to reconnect would be told here. */
const isOutage = (error: NodeJS.ErrnoException): boolean => error.code !== undefined && /^E[A-Z]+$/.test(error.code);

function tellOnce(log: Logger, queue: string): (error: Error) => void {
  let last = '';
  return (error) => {
    if (isOutage(error) || error.message === last) return;
    last = error.message;
    log.warn(`queue ${queue}: ${error.message}`);
  };
}

/** Takes jobs of one queue, whoever put them there. */
export abstract class JobWorker extends WorkerHost {
  private readonly tell: (error: Error) => void;

  constructor(private readonly runner: JobRunner) {
    super();
    this.tell = tellOnce(new Logger('Jobs'), runner.queue);
  }

  async process(job: Job): Promise<void> {
    await this.runner.run(job.name);
  }

  @OnWorkerEvent('error')
  onError(error: Error): void {
    this.tell(error);
  }
}

/** A class for each queue: Nest finds a worker's queue by its class. */
export function workerOf(queue: string): Type<JobWorker> {
  @Processor(queue)
  class QueueWorker extends JobWorker {}
  return QueueWorker;
}

/** One queue in this process: known to the board, scheduled and worked on where jobs run, closed with the application. */
export class RedisJobs implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly log = new Logger('Jobs');
  private timer: NodeJS.Timeout | null = null;
  private closing = false;

  /** @param work null where jobs are only looked at */
  constructor(
    private readonly queue: Queue,
    private readonly queues: JobQueues,
    private readonly work: { readonly runner: JobRunner; readonly worker: JobWorker } | null,
  ) {
    queue.on('error', tellOnce(this.log, queue.name));
    queues.add(queue);
  }

  onApplicationBootstrap(): void {
    if (this.work === null) return;
    const schedule = (): void => void this.schedule(this.work!.runner);
    // Not waited for: with Redis away the application starts, and its jobs begin when Redis is there.
    schedule();
    this.timer = setInterval(schedule, SCHEDULES_EVERY_MS).unref();
  }

  async onModuleDestroy(): Promise<void> {
    this.closing = true;
    if (this.timer !== null) clearInterval(this.timer);
    await this.work?.runner.stop();
    const connection = this.queues.connection!;
    // What would be asked of a Redis that is away would wait for it: then nothing is asked any more.
    const away = connection.status === 'ready' ? new Promise<void>((resolve) => connection.once('close', resolve)) : Promise.resolve();
    const closed = (async (): Promise<void> => {
      await this.work?.worker.worker.close(connection.status !== 'ready');
      await this.queue.close();
    })();
    await Promise.race([closed, away.then(() => connection.disconnect())]);
    await closed;
  }

  private scheduling = false;

  private async schedule({ jobs }: JobRunner): Promise<void> {
    if (this.scheduling) return;
    this.scheduling = true;
    try {
      for (const { name, everyMs } of jobs) {
        const known = await this.queue.getJobScheduler(name);
        // Several processes do this at once: it is one schedule, by its name.
        if (known?.every !== everyMs) await this.queue.upsertJobScheduler(name, { every: everyMs }, { name, opts: KEPT });
      }
    } catch (error) {
      if (!this.closing) this.log.warn(`queue ${this.queue.name} cannot be scheduled: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      this.scheduling = false;
    }
  }
}
