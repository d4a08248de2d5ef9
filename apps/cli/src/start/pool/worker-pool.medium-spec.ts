import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processStart } from '@apex/host';
import { until } from '../../../../../test/support/eventually.js';
import { runProgram } from '../../../../../test/support/program.js';
import { Failure } from '../../failure.js';
import { type PoolOptions, type PoolStart, WorkerPool } from './worker-pool.js';

/** A data-plane process that is nothing but its protocol. `starting(start)` and `stopping()` are what a test makes of it. */
const FAKE = `
import { appendFileSync, existsSync } from 'node:fs';
import { createServer } from 'node:net';
const say = (message) => process.send(message);
let home, number, answers;
const note = (text) => appendFileSync(home + '/notes', text + '\\n');
const serve = (port) => say({ kind: 'serving', baseUrl: 'http://127.0.0.1:' + port });
const listen = ({ port, reusePort }) => {
  const server = createServer((socket) => socket.end(String(number)));
  server.listen({ port, host: '127.0.0.1', ...(reusePort ? { reusePort, exclusive: true } : {}) }, () => serve(server.address().port));
};
const counter = (value) => [{ name: 'requests', help: 'x', type: 'counter', aggregator: 'sum', values: [{ labels: {}, value }] }, { name: 'busy', help: 'x', type: 'gauge', aggregator: 'sum', values: [{ labels: {}, value: 1 }] }];
process.on('message', (message) => {
  if (message.kind === 'start') {
    ({ home, worker: number } = message.start);
    note('start ' + number + ' ' + process.pid + ' port ' + message.start.port);
    starting(message.start);
  }
  if (message.kind === 'group' && home) note('group ' + number + ' ' + JSON.stringify(message.group));
  if (message.kind === 'count') say({ kind: 'counted', id: message.id, snapshot: counter(number * 10) });
  if (message.kind === 'counts') note('counts ' + number + ' ' + JSON.stringify(message.snapshots.flat().map(({ name, values }) => [name, values[0]?.value])));
  if (message.kind === 'stop') stopping();
});
say({ kind: 'loaded' });
`;

interface Behaviour {
  readonly starting?: string;
  readonly stopping?: string;
}

const RESTARTS = { minPauseMs: 10, maxPauseMs: 40, settledMs: 60_000, limit: 3 };

describe('WorkerPool', () => {
  let home: string;
  let lines: string[];
  const pools: WorkerPool[] = [];

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'apex-pool-'));
    lines = [];
  });
  afterEach(async () => {
    for (const pool of pools.splice(0)) await pool.close().catch(() => undefined);
    rmSync(home, { recursive: true });
  });

  function program({ starting = 'serve(1)', stopping = 'process.exit(0)' }: Behaviour): string {
    const path = join(home, 'fake.mjs');
    writeFileSync(path, `function starting(start) { ${starting} }\nfunction stopping() { ${stopping} }\n${FAKE}`);
    return path;
  }

  function newPool(behaviour: Behaviour, options: Partial<PoolOptions> = {}): WorkerPool {
    const pool = new WorkerPool({ count: 2, reusePort: true, log: (line) => lines.push(line), program: program(behaviour), restarts: RESTARTS, countLimitMs: 5_000, ...options });
    pools.push(pool);
    return pool;
  }

  const startAt = (port: number): PoolStart => ({ port, host: '127.0.0.1', home, databaseUrl: 'postgres://nowhere', redis: { url: null, note: null }, role: 'all', simulatorUrl: null, demo: false });
  const notes = (): string[] => (existsSync(join(home, 'notes')) ? readFileSync(join(home, 'notes'), 'utf8').trimEnd().split('\n') : []);
  const starts = (): { worker: number; pid: number; port: number }[] =>
    notes().flatMap((line) => {
      const [, worker, pid, port] = /^start (\d+) (\d+) port (\d+)$/.exec(line) ?? [];
      return pid === undefined ? [] : [{ worker: Number(worker), pid: Number(pid), port: Number(port) }];
    });
  const pidOf = (worker: number): number => starts().findLast((start) => start.worker === worker)!.pid;
  const said = (pattern: RegExp): Promise<void> => until(() => lines.some((line) => pattern.test(line)), String(pattern));
  const noted = (pattern: RegExp): Promise<void> => until(() => notes().some((line) => pattern.test(line)), String(pattern));

  it('starts the first one alone, and the others where it listens', async () => {
    const pool = newPool({ starting: `if (start.worker === 1) return void setTimeout(() => { note('first'); serve(4711); }, 50);\n serve(start.port);` }, { count: 3 });
    expect(await pool.serve(startAt(0))).toBe('http://127.0.0.1:4711');
    expect(starts().map(({ worker, port }) => [worker, port]).sort()).toEqual([[1, 0], [2, 4711], [3, 4711]]);
    expect(notes().indexOf('first')).toBeLessThan(notes().findIndex((line) => line.startsWith('start 2')));
    expect(pool.state).toEqual({ configured: 3, serving: 3, failing: 0, restarts: 0 });
  });

  it.each([true, false])('answers on one port by all of them (each by itself: %s)', async (reusePort) => {
    const pool = newPool({ starting: 'listen(start)' }, { reusePort });
    const url = await pool.serve(startAt(0));
    const answer = (): Promise<string> =>
      new Promise((resolve, reject) => {
        let text = '';
        const socket = connect(Number(new URL(url).port), '127.0.0.1').on('data', (bytes) => (text += String(bytes))).on('error', reject).on('close', () => resolve(text));
        socket.resume();
      });
    const seen = new Set<string>();
    await until(async () => seen.add(await answer()).size === 2, 'both answer');
    expect([...seen].sort()).toEqual(['1', '2']);
    // One that goes does not take the port with it.
    process.kill(pidOf(1), 'SIGKILL');
    await said(/worker 1 is back/);
    seen.clear();
    await until(async () => seen.add(await answer()).size === 2, 'both answer again');
  });

  it('does not start when one of them ends before it serves, says why, and tries nothing again', async () => {
    const pool = newPool({ starting: 'if (start.worker === 2) process.exit(7); serve(1)' });
    const start = pool.serve(startAt(1));
    await expect(start).rejects.toThrow(Failure);
    await expect(start).rejects.toThrow('Worker 2 of 2 did not start: it ended (exit status 7) before it took traffic');
    await pool.close();
    expect(starts().map(({ worker }) => worker)).toEqual([1, 2]);
  });

  it('passes on what a process has to say about its failure', async () => {
    const pool = newPool({ starting: `process.send({ kind: 'failed', message: 'PORT is not a port' }, undefined, undefined, () => process.exit(1))` });
    await expect(pool.serve(startAt(1))).rejects.toThrow('Worker 1 of 2 did not start: PORT is not a port');
  });

  it('does not wait for ever for one that neither serves nor ends', async () => {
    const pool = newPool({ starting: '' }, { startLimitMs: 300 });
    await expect(pool.serve(startAt(1))).rejects.toThrow('it ended (signal SIGKILL)');
  });

  it('says so when the program cannot even be run', async () => {
    const pool = newPool({}, { program: join(home, 'nowhere.mjs') });
    await expect(pool.serve(startAt(1))).rejects.toThrow(/did not start: it ended \(exit status 1\)/);
  });

  it('replaces one that is killed, and tells the others', async () => {
    const pool = newPool({});
    await pool.serve(startAt(1));
    const killed = pidOf(2);
    process.kill(killed, 'SIGKILL');
    await said(/worker 2 is back/);
    expect(lines).toContain(`worker 2 (process ${killed}) ended by itself (signal SIGKILL); starting it again in 10 ms`);
    expect(pool.state).toEqual({ configured: 2, serving: 2, failing: 0, restarts: 1 });
    await noted(/^group 1 .*"serving":1,/);
    await noted(/^group 1 .*"serving":2,"failing":0,"restarts":1/);
  });

  it('keeps trying with one that keeps ending, says that it fails, and goes on with the others', async () => {
    const pool = newPool({ starting: `if (start.worker === 2 && existsSync(home + '/broken')) process.exit(3); serve(1)` });
    await pool.serve(startAt(1));
    appendFileSync(join(home, 'broken'), '');
    process.kill(pidOf(2), 'SIGKILL');
    await said(/failed 3 times in a row or more/);
    await noted(/^group 1 .*"serving":1,"failing":1/);
    expect(lines.some((line) => /worker 2 could not be started again: it ended \(exit status 3\)/.test(line))).toBe(true);
    rmSync(join(home, 'broken'));
    await said(/worker 2 is back/);
    expect(pool.state).toMatchObject({ serving: 2, failing: 0 });
  });

  it('gives up when nobody serves and all have failed too often', async () => {
    const pool = newPool({ starting: `if (existsSync(home + '/broken')) process.exit(3); serve(1)` });
    await pool.serve(startAt(1));
    appendFileSync(join(home, 'broken'), '');
    for (const worker of [1, 2]) process.kill(pidOf(worker), 'SIGKILL');
    await expect(pool.failed).rejects.toThrow(/No data-plane process stays up: each of 2/);
  });

  it('passes on what all have counted, and keeps the counts of those that are gone', async () => {
    const ask = `process.on('message', (message) => { if (message.kind === 'group' && message.group.serving === 2 && start.worker === 1) say({ kind: 'ask_counts', id: message.group.restarts }); }); serve(1)`;
    const pool = newPool({ starting: ask });
    await pool.serve(startAt(1));
    // Worker 2 counts 20.
    await noted(/^counts 1 \[\["requests",20\],\["busy",1\]\]$/);
    process.kill(pidOf(2), 'SIGKILL');
    await said(/worker 2 is back/);
    // Its successor counts 20 as well; what it was doing when it died is over.
    await noted(/^counts 1 \[\["requests",20\],\["requests",20\],\["busy",1\]\]$/);
    process.kill(pidOf(1), 'SIGKILL');
    await said(/worker 1 is back/);
    await noted(/^counts 1 \[\["requests",30\],\["requests",20\],\["busy",1\]\]$/);
  });

  it('ends all of them, and none is started again', async () => {
    const pool = newPool({ stopping: `note('stopped ' + number); process.exit(0)` });
    await pool.serve(startAt(1));
    await pool.close();
    expect(notes().filter((line) => line.startsWith('stopped')).sort()).toEqual(['stopped 1', 'stopped 2']);
    expect(starts().map(({ pid }) => processStart(pid))).toEqual([null, null]);
    expect(lines).toEqual(starts().map(({ worker, pid }) => `worker ${worker} takes traffic (process ${pid})`));
  });

  it('ends those that were never started', async () => {
    await newPool({}).close();
    expect(starts()).toEqual([]);
  });

  it('kills those that do not end, and says which', async () => {
    const pool = newPool({ stopping: 'if (number === 1) process.exit(0);' }, { stopLimitMs: 100 });
    await pool.serve(startAt(1));
    await expect(pool.close()).rejects.toThrow(/worker (1, )?2 did not end within 0.1 s and was killed/);
    expect(starts().map(({ pid }) => processStart(pid))).toEqual([null, null]);
  });

  it('leaves none behind when the supervisor is killed', async () => {
    const supervisor = runProgram(
      `process.execArgv.length = 0; // Else the processes would run this, too.
      const { WorkerPool } = await importSource('apps/cli/src/start/pool/worker-pool.ts');
      const pool = new WorkerPool({ count: 2, reusePort: true, log: () => undefined, program: process.argv[1] });
      await pool.serve({ port: 1, host: '127.0.0.1', home: process.argv[2] });
      console.log('serving');`,
      [program({}), home],
    );
    let pids: number[];
    try {
      expect(await supervisor.line()).toBe('serving');
      pids = starts().map(({ pid }) => pid);
      expect(pids.map((pid) => processStart(pid) !== null)).toEqual([true, true]);
    } finally {
      supervisor.child.kill('SIGKILL');
    }
    await until(() => pids.every((pid) => processStart(pid) === null), 'the processes end');
  });
});
