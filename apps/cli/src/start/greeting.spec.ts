import { greeting, type Greeting } from './greeting.js';

const base: Greeting = { baseUrl: 'http://127.0.0.1:8080', home: '/srv/it\'s here/.apex', role: 'all', workers: 1, demo: true, simulated: true, hasRedis: true, seconds: 1.23 };

describe('greeting', () => {
  it.each(['all', 'api', 'worker'] as const)('has exactly one line that scripts wait for, the last one (%s)', (role) => {
    const lines = greeting({ ...base, role }).split('\n');
    expect(lines.filter((line) => line.startsWith('Apex is ready'))).toEqual([lines.at(-1)]);
  });

  it('quotes the path of the credentials for the shell', () => {
    expect(greeting(base)).toContain(`'/srv/it'\\''s here/.apex/credentials.json'`);
  });

  it('says who answers and what is missing', () => {
    expect(greeting(base)).toMatch(/simulated: .* made up/);
    expect(greeting({ ...base, simulated: false })).not.toMatch(/simulated/);
    expect(greeting(base)).toMatch(/ANTHROPIC_API_KEY/);
    expect(greeting({ ...base, demo: false })).toMatch(/Demo +off/);
    expect(greeting({ ...base, demo: false })).not.toMatch(/credentials\.json|curl/);
    expect(greeting({ ...base, hasRedis: false })).toMatch(/Redis +none: one process only/);
    expect(greeting({ ...base, hasRedis: false, workers: 2 })).toMatch(/Redis +none: an Idempotency-Key/);
    expect(greeting({ ...base, workers: 2 })).toMatch(/Processes +2/);
    expect(greeting(base)).not.toContain('Processes');
  });
});
