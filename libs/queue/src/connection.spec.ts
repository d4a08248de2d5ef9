import { reconnectDelay } from './connection.js';

describe('reconnectDelay', () => {
  it('is quick at first, grows, and never exceeds two seconds', () => {
    const delays = Array.from({ length: 50 }, (_, index) => reconnectDelay(index + 1));
    expect(delays[0]).toBe(50);
    expect(delays).toEqual([...delays].sort((a, b) => a - b));
    expect(delays.at(-1)).toBe(2_000);
  });
});
