import { openFilesFor, parseOpenFiles } from './machine.js';

describe('open files', () => {
  it('are what the kernel says of the soft limit', () => {
    const limits = 'Limit                     Soft Limit           Hard Limit           Units     \nMax processes             95000                95000                processes \nMax open files            20000                1048576              files     \n';
    expect(parseOpenFiles(limits)).toBe(20_000);
    expect(parseOpenFiles(limits.replace('20000', 'unlimited'))).toBeNull();
    expect(parseOpenFiles('')).toBeNull();
  });

  it('are two for each connection of a proxy, and some', () => {
    expect(openFilesFor(1_000)).toBeGreaterThan(2_000);
  });
});
