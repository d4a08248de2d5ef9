import { CleanUp } from './clean-up.js';

describe('CleanUp', () => {
  it('undoes the last thing first, whatever fails, and each thing once', async () => {
    const told: string[] = [];
    const done: string[] = [];
    const before = process.listenerCount('SIGTERM');
    const cleanUp = new CleanUp((line) => told.push(line));
    expect(process.listenerCount('SIGTERM')).toBe(before + 1);
    cleanUp.add(() => done.push('first'));
    cleanUp.addLast(() => done.push('the end'));
    cleanUp.addLast(() => done.push('and more'));
    cleanUp.add(() => Promise.reject(new Error('stuck')));
    cleanUp.add(async () => {
      await Promise.resolve();
      done.push('last');
    });
    await Promise.all([cleanUp.run(), cleanUp.run()]);
    expect(done).toEqual(['last', 'first', 'and more', 'the end']);
    expect(told).toEqual(['Error: stuck']);
  });
});
