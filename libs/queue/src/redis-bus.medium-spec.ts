import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { until } from '../../../test/support/eventually.js';
import { startOwnRedis, testRedisUrl } from '../../../test/support/redis.js';
import { Bus } from './bus.js';
import { QueueModule } from './queue.module.js';
import { RedisBus } from './redis-bus.js';

// Servers are started; on a machine that is busy with other suites that takes its time.
jest.setTimeout(90_000);

/** A bus that notes what it hears on `channel`. */
async function listener(url: string, channel: string): Promise<{ bus: RedisBus; heard: string[]; hears: (message: string) => Promise<void> }> {
  const bus = new RedisBus(url);
  const heard: string[] = [];
  bus.subscribe(channel, (message) => heard.push(message));
  await bus.settled();
  return { bus, heard, hears: (message) => until(() => heard.includes(message), `hears ${message}`) };
}

describe('RedisBus', () => {
  beforeAll(() => Logger.overrideLogger(false));

  it('reaches other processes and delivers its own message once', async () => {
    const [one, two] = await Promise.all([listener(testRedisUrl(), 'bus-a'), listener(testRedisUrl(), 'bus-a')]);
    await one.bus.publish('bus-a', 'first');
    expect(one.heard).toEqual(['first']);
    await two.hears('first');
    // What comes back to the first bus comes before the second one's answer: had it been delivered twice, we would know.
    await two.bus.publish('bus-a', 'answer');
    await one.hears('answer');
    expect(one.heard).toEqual(['first', 'answer']);
    expect(two.heard).toEqual(['first', 'answer']);
    one.bus.close();
    two.bus.close();
  });

  it('keeps channels apart and no longer delivers after unsubscribing', async () => {
    const [one, two] = await Promise.all([listener(testRedisUrl(), 'bus-b'), listener(testRedisUrl(), 'bus-c')]);
    const other: string[] = [];
    const unsubscribe = two.bus.subscribe('bus-b', (message) => other.push(message));
    await two.bus.settled();
    unsubscribe();
    await two.bus.settled();
    await one.bus.publish('bus-b', 'x');
    await one.bus.publish('bus-c', 'y');
    await two.hears('y');
    expect(two.heard).toEqual(['y']);
    expect(other).toEqual([]);
    one.bus.close();
    two.bus.close();
  });

  it('publishes right after its construction', async () => {
    const two = await listener(testRedisUrl(), 'bus-d');
    const one = new RedisBus(testRedisUrl());
    await one.publish('bus-d', 'early');
    await two.hears('early');
    one.close();
    two.bus.close();
  });

  it('goes on in process while Redis is away, never rejects, and is subscribed again when it is back', async () => {
    const redis = await startOwnRedis();
    const [one, two] = await Promise.all([listener(redis.url, 'bus-e'), listener(redis.url, 'bus-e')]);
    await redis.stop();
    await until(() => !one.bus.connected && !two.bus.connected, 'both notice');
    await one.bus.publish('bus-e', 'alone');
    const late: string[] = [];
    two.bus.subscribe('bus-f', (message) => late.push(message));
    expect(one.heard).toEqual(['alone']);
    expect(two.heard).toEqual([]);

    await redis.start();
    await until(() => one.bus.connected && two.bus.connected, 'both are back');
    await two.bus.settled();
    await one.bus.publish('bus-e', 'together');
    await one.bus.publish('bus-f', 'late');
    await two.hears('together');
    await until(() => late.length > 0, 'a subscription made during the outage works');
    expect(two.heard).toEqual(['together']);
    one.bus.close();
    two.bus.close();
    await redis.stop();
  });

  it('does not keep a process from starting while Redis is away', async () => {
    const redis = await startOwnRedis();
    await redis.stop();
    const bus = new RedisBus(redis.url);
    const heard: string[] = [];
    bus.subscribe('bus-g', (message) => heard.push(message));
    await bus.publish('bus-g', 'x');
    expect(heard).toEqual(['x']);
    expect(bus.connected).toBe(false);
    bus.close();
  });
});

describe('QueueModule', () => {
  it.each([
    ['without Redis', (): null => null, null],
    ['with Redis', testRedisUrl, true],
  ])('provides a bus %s and closes it at the shutdown', async (_, url, connected) => {
    const module = await Test.createTestingModule({ imports: [QueueModule.forRoot({ url: url() })] }).compile();
    const bus = module.get(Bus);
    await until(() => bus.connected === connected, 'the bus is up');
    await module.close();
    if (connected) await until(() => bus.connected === false, 'the bus is closed');
  });
});
