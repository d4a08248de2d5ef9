import { hash } from 'node:crypto';
import { KeyFilter } from './key-filter.js';

describe('KeyFilter', () => {
  it('holds what was added, by as much of it as others are told, and hardly anything else', () => {
    const filter = new KeyFilter();
    const key = (i: number): string => hash('sha256', `key ${i}`);
    for (let i = 0; i < 100_000; i++) filter.add(i % 2 === 0 ? key(i) : key(i).slice(0, 32));
    for (let i = 0; i < 100_000; i++) if (!filter.mayHold(key(i))) throw new Error(`lost ${i}`);
    let strangers = 0;
    for (let i = 100_000; i < 200_000; i++) if (filter.mayHold(key(i))) strangers++;
    expect(strangers).toBeLessThan(20);
  });
});
