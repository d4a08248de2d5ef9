import { needsProxy } from './upstream-proxies.js';

describe('needsProxy', () => {
  const both = { http: 'http://proxy:3128', https: 'http://proxy:3128', except: '' };

  it('asks by scheme', () => {
    expect(needsProxy(both, 'http://api.example.com')).toBe(true);
    expect(needsProxy(both, 'https://api.example.com:8443')).toBe(true);
    expect(needsProxy({ ...both, https: undefined }, 'https://api.example.com')).toBe(false);
    expect(needsProxy({ ...both, http: undefined }, 'http://api.example.com')).toBe(false);
  });

  it.each(['http://localhost:8080', 'http://LOCALHOST', 'https://x.localhost', 'http://127.0.0.1:1', 'http://127.8.9.10', 'http://[::1]:8080'])('never for this machine: %s', (origin) => {
    expect(needsProxy(both, origin)).toBe(false);
  });

  it('is not deceived by names that look like this machine, nor by what is no origin', () => {
    for (const origin of ['http://127.0.0.1.example.com', 'http://notlocalhost', 'http://localhost.example.com', 'http://[::2]']) expect(needsProxy(both, origin)).toBe(true);
    expect(needsProxy(both, 'nonsense')).toBe(false);
  });
});
