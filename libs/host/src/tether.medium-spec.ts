import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../../../test/support/eventually.js';
import { runProgram } from '../../../test/support/program.js';
import { clearEarlierLife } from './earlier-life.js';
import { processStart } from './process-identity.js';
import { spawnTethered } from './tether.js';

/** A server that says its pid, and says goodbye when it is asked to stop; `deaf` makes it ignore that. */
const SERVER = `
  require('fs').writeFileSync(process.argv[1], String(process.pid));
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {
    console.log('asked by ' + signal);
    if (process.argv[2] !== 'deaf') setTimeout(() => { console.log('closed'); process.exit(0); }, 50);
  });
  setInterval(() => undefined, 1000);`;

describe('spawnTethered', () => {
  let dir: string;
  let pidFile: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'apex-tether-'));
    pidFile = join(dir, 'pid');
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const options = (...args: string[]): Parameters<typeof spawnTethered>[0] => ({
    command: process.execPath,
    args: ['-e', SERVER, pidFile, ...args],
    logFile: join(dir, 'log'),
    stopSignal: 'TERM',
    env: { PATH: process.env['PATH'] },
    cwd: dir,
  });
  const pid = async (): Promise<number> => {
    const read = (): number => Number(readOr('', pidFile));
    await until(() => read() > 0, 'the server says its pid');
    return read();
  };
  const log = (): string => readFileSync(join(dir, 'log'), 'utf8');

  it('stops by its signal and lets the server close', async () => {
    const server = spawnTethered(options());
    await pid();
    await server.stop();
    expect(log()).toBe('asked by SIGTERM\nclosed\n');
    expect(await server.exited).toBe('exit status 0');
  });

  it('kills a server that does not stop', async () => {
    const server = spawnTethered(options('deaf'));
    const victim = await pid();
    await server.stop(200);
    await until(() => processStart(victim) === null, 'the deaf server ends');
    expect(log()).toContain('asked by SIGTERM');
  });

  it('tells when the server ends by itself', async () => {
    const server = spawnTethered(options());
    process.kill(await pid(), 'SIGKILL');
    expect(await server.exited).toBe('exit status 137');
  });

  it('stops the server cleanly when this process is killed', async () => {
    const code = `
      const { spawnTethered } = await importSource('libs/host/src/index.ts');
      spawnTethered(JSON.parse(process.argv[1]));
      console.log('started');`;
    const parent = runProgram(code, [JSON.stringify(options())]);
    await parent.line();
    const server = await pid();
    parent.child.kill('SIGKILL');
    await until(() => processStart(server) === null, 'the server ends');
    expect(log()).toBe('asked by SIGTERM\nclosed\n');
  });

  it('has an earlier life end before the next one starts', async () => {
    const server = spawnTethered(options());
    const earlier = await pid();
    const lines: string[] = [];
    await clearEarlierLife({ name: 'X', pidFile, mark: pidFile, stopSignal: 'SIGTERM', log: (line) => lines.push(line), patienceMs: 1_000 });
    expect(processStart(earlier)).toBeNull();
    expect(lines).toHaveLength(2);
    await server.exited;
    await clearEarlierLife({ name: 'X', pidFile, mark: pidFile, stopSignal: 'SIGTERM', log: (line) => lines.push(line) });
    expect(readOr('removed', pidFile)).toBe('removed');
  });
});

function readOr(otherwise: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return otherwise;
  }
}
