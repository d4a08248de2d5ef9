import { Logger } from '@nestjs/common';
import { LocalBus } from './local-bus.js';

describe('LocalBus', () => {
  it('delivers to every subscriber of the channel, once, before publish resolves', async () => {
    const bus = new LocalBus();
    const heard: string[] = [];
    bus.subscribe('a', (message) => heard.push(`1 ${message}`));
    bus.subscribe('a', (message) => heard.push(`2 ${message}`));
    bus.subscribe('b', (message) => heard.push(`b ${message}`));
    await bus.publish('a', 'x');
    expect(heard).toEqual(['1 x', '2 x']);
  });

  it('counts one function subscribed twice as two, and unsubscribes one of them', async () => {
    const bus = new LocalBus();
    let calls = 0;
    const handler = (): void => void (calls += 1);
    const unsubscribe = bus.subscribe('a', handler);
    bus.subscribe('a', handler);
    unsubscribe();
    unsubscribe();
    await bus.publish('a', 'x');
    expect(calls).toBe(1);
  });

  it('lets nobody suffer from a subscriber that throws or leaves while a message is delivered', async () => {
    Logger.overrideLogger(false);
    const bus = new LocalBus();
    const heard: string[] = [];
    bus.subscribe('a', () => {
      throw new Error('mine');
    });
    const leave = bus.subscribe('a', () => leave());
    bus.subscribe('a', (message) => heard.push(message));
    await bus.publish('a', 'x');
    expect(heard).toEqual(['x']);
  });

  it('has no other process to reach', () => expect(new LocalBus().connected).toBeNull());
});
