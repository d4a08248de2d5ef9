import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { MemoryFlags, OFF, trafficOf } from '../../test/memory-flags.js';

describe('FlagRepository', () => {
  const changed = jest.fn();
  let flags: MemoryFlags;
  let warnings: jest.SpiedFunction<Logger['warn']>;

  beforeEach(async () => {
    warnings = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    jest.spyOn(Logger.prototype, 'log').mockImplementation(() => undefined);
    changed.mockReset();
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'] });
    flags = new MemoryFlags(OFF, 500);
    flags.repository.on('changed', changed);
    await flags.repository.start();
  });
  afterEach(() => {
    flags.repository.stop();
    jest.useRealTimers();
    jest.restoreAllMocks();
  });
  const rollout = (): unknown => flags.repository.getToggle('gateway-rollout')?.strategies?.[0]?.parameters['rollout'];

  it('says that it has changed only when it has', async () => {
    expect(changed).toHaveBeenCalledTimes(1);
    await flags.repository.refresh();
    expect(changed).toHaveBeenCalledTimes(1);
    await flags.become(trafficOf({ gatewayPercentage: 10 }));
    expect(changed).toHaveBeenCalledTimes(2);
    expect(rollout()).toBe('10');
  });

  it('polls', async () => {
    flags.state = trafficOf({ gatewayPercentage: 10 });
    await jest.advanceTimersByTimeAsync(499);
    expect(rollout()).toBe('0');
    await jest.advanceTimersByTimeAsync(1);
    expect(rollout()).toBe('10');
    flags.state = trafficOf({ gatewayPercentage: 50 });
    await jest.advanceTimersByTimeAsync(500);
    expect(rollout()).toBe('50');
  });

  it('reads at once on a message, and once for many', async () => {
    const before = flags.reads;
    flags.state = trafficOf({ gatewayPercentage: 10 });
    for (let i = 0; i < 10; i++) flags.message();
    await flags.repository.drained();
    await flags.repository.refresh();
    expect(rollout()).toBe('10');
    expect(flags.reads - before).toBeLessThanOrEqual(3);
  });

  it('begins a new read for whoever asks while one is under way', async () => {
    const earlier = flags.repository.refresh();
    flags.state = trafficOf({ gatewayPercentage: 10 });
    const later = flags.repository.refresh();
    await earlier;
    await later;
    expect(rollout()).toBe('10');
  });

  it('keeps the last good state through an outage and a state it cannot read, and says so once', async () => {
    await flags.become(trafficOf({ gatewayPercentage: 10 }));
    flags.state = new Error('connection refused');
    await jest.advanceTimersByTimeAsync(5_000);
    expect(rollout()).toBe('10');
    flags.state = { ...OFF, traffic: { ...OFF.traffic, gatewayPercentage: 101 } };
    await jest.advanceTimersByTimeAsync(5_000);
    expect(rollout()).toBe('10');
    expect(warnings).toHaveBeenCalledTimes(1);
    flags.state = trafficOf({ gatewayPercentage: 50 });
    await jest.advanceTimersByTimeAsync(500);
    expect(rollout()).toBe('50');
  });

  it('does not start without a first state', async () => {
    await expect(new MemoryFlags(new Error('away')).repository.start()).rejects.toThrow('away');
  });

  it('leaves no timer, no subscription and no read behind, and goes on serving', async () => {
    await flags.become(trafficOf({ gatewayPercentage: 10 }));
    flags.message();
    flags.repository.stop();
    await flags.repository.drained();
    expect(jest.getTimerCount()).toBe(0);
    expect(flags.subscribers).toBe(0);
    const reads = flags.reads;
    await flags.repository.refresh();
    expect(flags.reads).toBe(reads);
    expect(rollout()).toBe('10');
  });

  it('shows Unleash its features in the shape with segments, of which there are none', () => {
    expect(flags.repository.getToggles().map((feature) => feature.name)).toContain('gateway_enabled');
    expect(flags.repository.getTogglesWithSegmentData()[0]?.strategies?.[0]?.segments).toEqual([]);
    expect(flags.repository.getSegment()).toBeUndefined();
  });
});
