import { parseSimulation } from './debian-packages.js';

describe('parseSimulation', () => {
  it('reads what would be installed, in order', () => {
    const output = ['Reading package lists...', 'Inst libjemalloc2 (5.3.0-1 Debian:12.15/oldstable [amd64])', 'Inst redis-server (5:7.0.15 Debian-Security:12 [amd64])', 'Conf redis-server (5:7.0.15)', ''];
    expect(parseSimulation(output.join('\n'))).toEqual(['libjemalloc2', 'redis-server']);
  });
});
