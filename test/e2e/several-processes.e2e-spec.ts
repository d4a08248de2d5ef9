import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { processStart } from '@apex/host';
import { type RunningSimulator, startSimulator } from '@apex/simulator';
import { type Apex, type ApexOptions, startApex } from './support/apex.js';
import { auditBooks } from './support/audit-of-books.js';
import { openBooks } from './support/books.js';
import { eventually } from '../support/eventually.js';
import { expectBooksToAgree } from './support/exactness.js';
import { failureOf } from './support/failure-of.js';
import { Lane, LaneLoad } from './support/lanes.js';
import { whenBusy } from './support/ledger.js';

const LANES = 16;
const LIMIT_MS = 120_000;
/** A change is in force everywhere within a second. */
const EFFECTIVE_MS = 1_000;
const CHAT = '/v1/chat/completions';
const PROMPT = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Say hello.' }] };

interface Processes {
  readonly configured: number;
  readonly serving: number;
  readonly failing: number;
  readonly restarts: number;
}

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
}, 90_000);

/** Two data-plane processes, unless told otherwise. */
async function apexOfTwo(options: ApexOptions = {}): Promise<Apex> {
  const apex = await startApex({ ...options, env: { APEX_WORKERS: '2', ...options.env } });
  ends.push(() => apex.close());
  return apex;
}

/** Slow enough for many requests to be under way whenever something happens. */
async function slowSimulator(): Promise<RunningSimulator> {
  const simulator = await startSimulator({ speed: 0.1 });
  ends.push(() => simulator.close());
  return simulator;
}

/** The pid of each worker's latest process. */
function pids(apex: Apex): ReadonlyMap<number, number> {
  return new Map([...apex.logs().matchAll(/worker (\d+) (?:takes traffic|is back) \(process (\d+)\)/g)].map(([, worker, pid]) => [Number(worker), Number(pid)]));
}

const processes = async (lane: Lane): Promise<Processes> => (await lane.json<{ processes: Processes }>('GET', '/health', '')).body.processes;
const metrics = async (lane: Lane): Promise<string> => (await lane.json<string>('GET', '/metrics', '')).body;
const isReplaced = (lane: Lane): Promise<true> =>
  eventually(
    'a successor',
    async () => {
      const { serving, restarts } = await processes(lane);
      return restarts === 1 && serving === 2 ? true : undefined;
    },
    30_000,
  );

/** A connection to this process, closed when the test has ended. */
async function laneTo(apex: Apex, worker: number): Promise<Lane> {
  const lane = await Lane.to(apex.baseUrl, worker);
  ends.push(() => lane.close());
  return lane;
}
const sumOf = (metrics: string, name: string): number =>
  metrics.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `)).reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' '))), 0);

describe('two data-plane processes behind one port', () => {
  let apex: Apex;
  beforeAll(async () => {
    apex = await startApex({ env: { APEX_WORKERS: '2' } });
  }, LIMIT_MS);
  afterAll(() => apex.close(), LIMIT_MS);

  it('both serve, are told apart by /health, and give one answer to a scrape', async () => {
    expect(new Set(pids(apex).values()).size).toBe(2);
    const lanes = [await laneTo(apex, 1), await laneTo(apex, 2)];
    for (const [index, requests] of [3, 5].entries()) for (let i = 0; i < requests; i += 1) expect((await lanes[index]!.json('POST', CHAT, apex.apiKey, PROMPT)).status).toBe(200);
    for (const [index, lane] of lanes.entries()) {
      expect(await processes(lane)).toEqual({ worker: index + 1, configured: 2, serving: 2, failing: 0, restarts: 0 });
      const body = await metrics(lane);
      expect([sumOf(body, 'apex_requests_total'), sumOf(body, 'apex_request_duration_seconds_count')]).toEqual([8, 8]);
      expect(body).toMatch(/^apex_workers\{state="serving"\} 2$/m);
      expect(body).toMatch(/^apex_worker_restarts_total 0$/m);
    }
  });

  it('act on a change that was made through the other one, within a second', async () => {
    const [one, two] = [await laneTo(apex, 1), await laneTo(apex, 2)];
    const customer = await one.json<{ id: string }>('POST', '/api/admin/customers', apex.adminToken, { name: 'Other', platformKeys: true });
    const { body: made } = await one.json<{ key: string }>('POST', `/api/admin/customers/${customer.body.id}/keys`, apex.adminToken, { name: 'first' });
    let conversations = 0;
    // One conversation in twenty that are on the gateway is the experiment's control, and would be so each time.
    const another = (): object => ({ ...PROMPT, messages: [{ role: 'user', content: `Say hello ${++conversations} times.` }] });
    const becomes = (lane: Lane, cohort: string): Promise<true> =>
      eventually(`x-apex-cohort: ${cohort}`, async () => ((await lane.json('POST', CHAT, made.key, another())).headers['x-apex-cohort'] === cohort ? true : undefined), EFFECTIVE_MS);
    await becomes(two, 'direct; reason=flag_off');
    expect((await one.json('PUT', '/api/admin/flags/gateway_enabled', apex.adminToken, { enabled: true, reason: 'on, through one' })).status).toBe(200);
    expect((await two.json('PUT', '/api/admin/traffic', apex.adminToken, { gatewayPercentage: 100, reason: 'all, through the other' })).status).toBe(200);
    await Promise.all([becomes(one, 'gateway'), becomes(two, 'gateway')]);
  });

  it('take turns: one that is asked to end is replaced', async () => {
    const watcher = await laneTo(apex, 2);
    process.kill(pids(apex).get(1)!, 'SIGTERM');
    await isReplaced(watcher);
    expect(apex.logs()).toMatch(/worker 1 \(process \d+\) ended by itself \(exit status 0\)/);
    expect((await (await laneTo(apex, 1)).json('POST', CHAT, apex.apiKey, PROMPT)).status).toBe(200);
  });
});

describe('data-plane processes', () => {
  it('do not feel each other\'s death: the killed one is replaced, its journal adopted, and the books are exact', async () => {
    const simulator = await slowSimulator();
    const apex = await apexOfTwo({ simulator });
    const load = new LaneLoad(apex, 11);
    const lanes = await load.start(LANES);
    expect([...lanes.keys()].sort()).toEqual([1, 2]);
    await eventually('some traffic', () => (load.sent.length > 2 * LANES ? true : undefined), 30_000);
    await whenBusy(simulator, LANES / 2);

    const watcher = await laneTo(apex, 1);
    const killed = pids(apex).get(2)!;
    const before = sumOf(await metrics(watcher), 'apex_requests_total');
    process.kill(killed, 'SIGKILL');
    await isReplaced(watcher);
    expect(pids(apex).get(2)).not.toBe(killed);
    expect(sumOf(await metrics(watcher), 'apex_requests_total')).toBeGreaterThanOrEqual(before);
    const sentBefore = load.sent.length;
    await eventually('more traffic', () => (load.sent.length > sentBefore + LANES ? true : undefined), 30_000);

    const sent = await load.end();
    const disturbed = sent.filter(({ end, status, plan }) => end !== 'answered' || status !== plan.status);
    // The other one's requests did not fail, and of the killed one's only those that were under way.
    expect(disturbed.map(({ worker, end }) => [worker, end])).toEqual(disturbed.map(() => [2, 'broken']));
    expect(disturbed.length).toBeGreaterThan(0);
    expect(disturbed.length).toBeLessThanOrEqual(lanes.get(2)!);
    const found = await expectBooksToAgree(apex, sent);
    expect(found.cutShort).toBeGreaterThan(0);
    expect(found.interrupted).toBeLessThanOrEqual(disturbed.length);
    expect(found.aborted).toBe(0);
    expect(readdirSync(join(apex.home, 'journal')).filter((name) => name.endsWith('.lock')).sort()).toEqual(['p0.lock', 'p1.lock']);
  }, LIMIT_MS);

  it('let requests under way end on SIGTERM: all that was answered is recorded, and no process is left', async () => {
    const simulator = await slowSimulator();
    const apex = await apexOfTwo({ simulator });
    const all = [apex.pid, ...pids(apex).values()];
    const load = new LaneLoad(apex, 12);
    await load.start(LANES);
    await eventually('some traffic', () => (load.sent.length > LANES ? true : undefined), 30_000);
    await whenBusy(simulator, LANES / 2);
    const answeredBefore = load.sent.length;
    await apex.stop();
    const sent = await load.end();
    expect(all.map((pid) => processStart(pid))).toEqual([null, null, null]);

    const answered = sent.filter(({ end, status }) => end === 'answered' && status === 200);
    // What was under way has been answered, too.
    expect(answered.length).toBeGreaterThan(answeredBefore);
    await simulator.settled();
    const books = await openBooks(apex.databaseUrl);
    ends.push(() => books.close());
    const [records, attempts] = await Promise.all([books.records(), books.attempts()]);
    const final = new Set(records.filter(({ status }) => status === 'final').map(({ session }) => session));
    expect(answered.filter(({ plan }) => !final.has(plan.session))).toEqual([]);
    // Requests that came too late were turned away: they may have a record, or none.
    const late = sent.map((one) => (answered.includes(one) ? one : { ...one, end: 'broken' as const }));
    expect(auditBooks({ sent: late, ledger: simulator.ledger(), records, attempts })).toMatchObject({ problems: [], interrupted: 0, aborted: 0, cutShort: 0 });
  }, LIMIT_MS);

  it('end with the process that started them, killed or not, and leave the home and the port to the next start', async () => {
    const apex = await apexOfTwo();
    const before = [...pids(apex).values()];
    const { apiKey } = apex;
    await apex.kill();
    await apex.start();
    expect(before.map((pid) => processStart(pid))).toEqual([null, null]);
    expect(apex.apiKey).toBe(apiKey);
    expect(await processes(await laneTo(apex, 2))).toMatchObject({ configured: 2, serving: 2 });
  }, LIMIT_MS);

  it('do not start when one cannot, and the start says why', async () => {
    const failure = await failureOf(startApex({ env: { APEX_WORKERS: '2', APEX_MAX_BODY_BYTES: 'many' } }));
    expect(failure.message).toMatch(/Worker 1 of 2 did not start: .*APEX_MAX_BODY_BYTES/);
    expect(failure.message).toContain('{"code":1,"signal":null}');
    expect(failure.message).not.toMatch(/starting it again|Apex is ready/);
  }, LIMIT_MS);
});

describe('one process, as by default', () => {
  it('is one', async () => {
    const apex = await startApex();
    ends.push(() => apex.close());
    expect(pids(apex).size).toBe(0);
    expect((await apex.api<{ processes: unknown }>('GET', '/health', undefined, null)).body.processes).toEqual({ worker: 1, configured: 1, serving: 1, failing: 0, restarts: 0 });
    expect(readdirSync(join(apex.home, 'journal')).filter((name) => name.endsWith('.lock'))).toEqual(['p0.lock']);
  }, LIMIT_MS);
});
