import { jest } from '@jest/globals';
import { Logger, type LoggerService } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { until } from '../../../../test/support/eventually.js';
import { type OwnServer } from '../../../../test/support/postgres.js';
import { startOwnRedis, testRedisUrl } from '../../../../test/support/redis.js';
import { QueueModule } from '../queue.module.js';
import { JobQueues } from './job-queues.js';
import { JobsModule } from './jobs.module.js';
import { type RecurringJob } from './recurring-job.js';

jest.setTimeout(90_000);

interface Process {
  readonly module: TestingModule;
  readonly queues: JobQueues;
}

async function startProcess(redisUrl: string | null, jobs: readonly RecurringJob[], { namespace = 'jobs-spec', runs = true } = {}): Promise<Process> {
  const module = await Test.createTestingModule({
    imports: [QueueModule.forRoot({ url: redisUrl, namespace }), JobsModule.forFeature({ redisUrl, runs }, { queue: 'work', inject: [], useFactory: () => jobs })],
  }).compile();
  // Nest's testing module has put its own in its place.
  Logger.overrideLogger(heard);
  await module.init();
  return { module, queues: module.get(JobQueues) };
}

let heard: Heard;

/** What is written to the log while the suite runs; nothing of it reaches the console. */
class Heard implements LoggerService {
  readonly lines: string[] = [];
  readonly log = (message: unknown): void => void this.lines.push(String(message));
  readonly warn = this.log;
  readonly error = this.log;
}

// Real: Redis.
describe('recurring jobs', () => {
  beforeEach(() => Logger.overrideLogger((heard = new Heard())));

  it('are run by one of several processes each turn, and are one schedule', async () => {
    const turns: string[] = [];
    const job = (by: string): RecurringJob => ({ name: 'tick', everyMs: 200, run: () => Promise.resolve(turns.push(by)) });
    const processes = await Promise.all(['one', 'two', 'three'].map((by) => startProcess(testRedisUrl(), [job(by)])));
    await until(() => turns.length >= 5, 'five turns');
    const [queue] = processes[0]!.queues.all();
    expect(await queue!.getJobSchedulersCount()).toBe(1);
    const completed = await queue!.getCompleted();
    // Each turn is a job of its own and ran once.
    expect(completed.every((one) => one.attemptsStarted === 1)).toBe(true);
    await Promise.all(processes.map(({ module }) => module.close()));
  });

  it('are only looked at where they do not run', async () => {
    const { module, queues } = await startProcess(testRedisUrl(), [{ name: 'never', everyMs: 10, run: () => Promise.reject(new Error('ran')) }], { namespace: 'jobs-spec-shown', runs: false });
    const [queue] = queues.all();
    expect([queue!.name, await queue!.getJobSchedulersCount(), await queue!.getWorkersCount()]).toEqual(['work', 0, 0]);
    await module.close();
  });

  it('that fail are told of once, are run again, and leave the others alone', async () => {
    let tries = 0;
    let others = 0;
    const jobs: RecurringJob[] = [
      { name: 'fails', everyMs: 100, run: () => (tries++ < 3 ? Promise.reject(new Error('no luck')) : Promise.resolve()) },
      { name: 'other', everyMs: 100, run: () => Promise.resolve(others++) },
    ];
    const { module } = await startProcess(testRedisUrl(), jobs, { namespace: 'jobs-spec-failing' });
    await until(() => tries > 4 && others > 2, 'both go on');
    expect(heard.lines.filter((line) => line.includes('work/fails'))).toEqual(['work/fails failed and will be tried again: no luck', 'work/fails works again']);
    await module.close();
  });

  describe('with Redis away', () => {
    let redis: OwnServer;
    beforeAll(async () => {
      redis = await startOwnRedis();
    });
    beforeEach(() => redis.stop());
    afterAll(() => redis.stop());

    it('the application starts, and its jobs begin when Redis is there; later outages are borne as well', async () => {
      let turns = 0;
      const { module, queues } = await startProcess(redis.url, [{ name: 'tick', everyMs: 100, run: () => Promise.resolve(turns++) }]);
      expect([turns, queues.connection!.status === 'ready']).toEqual([0, false]);
      await redis.start();
      await until(() => turns > 1, 'jobs begin');
      await redis.stop();
      // Of an outage that is over before the first attempt to reconnect there is nothing to tell.
      const told = (): string[] => heard.lines.filter((line) => line.includes('Redis is away') && line.startsWith('jobs:'));
      await until(() => told().length === 2, 'the second outage is told');
      await redis.start();
      const before = turns;
      await until(() => turns > before + 1, 'jobs go on');
      // Told when it begins and when it ends, not at every attempt to reconnect.
      expect([told().length, heard.lines.filter((line) => /ECONN|Connection is closed|queue work/.test(line) && !line.includes('Redis is away'))]).toEqual([2, []]);
      await module.close();
    });

    it('the application ends', async () => {
      const { module } = await startProcess(redis.url, [{ name: 'tick', everyMs: 100, run: () => Promise.resolve() }]);
      await module.close();
    });
  });

  it('without Redis are run by this process, one turn behind the other, until it ends', async () => {
    let running = 0;
    let most = 0;
    let turns = 0;
    const run = async (goesOn: () => boolean): Promise<void> => {
      most = Math.max(most, ++running);
      turns++;
      await new Promise((resolve) => setImmediate(resolve));
      if (goesOn()) running--;
      else running = 0;
    };
    const { module } = await startProcess(null, [{ name: 'tick', everyMs: 1, run }]);
    await until(() => turns > 3, 'some turns');
    await module.close();
    const after = turns;
    await new Promise((resolve) => setImmediate(resolve));
    expect([most, turns]).toEqual([1, after]);
  });
});
