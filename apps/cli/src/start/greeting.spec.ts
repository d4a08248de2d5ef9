import { greeting, type Greeting } from './greeting.js';

const base: Greeting = { baseUrl: 'http://127.0.0.1:8080', home: '/srv/it\'s here/.apex', role: 'all', simulated: true, hasRedis: true, seconds: 1.23 };

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
    expect(greeting({ ...base, hasRedis: false })).toMatch(/Redis +none/);
  });
});
