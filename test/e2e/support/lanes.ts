import { Client } from 'undici';
import { type Apex } from './apex.js';
import { type Sent } from './load.js';
import { type PlannedRequest, plannedRequest } from './plan.js';

/** The process that answers at the other end of a connection, by its number. */
export type WorkerNumber = number;

/** One connection: it leads to one process for as long as it lives. */
export class Lane {
  private constructor(
    readonly client: Client,
    readonly worker: WorkerNumber,
  ) {}

  static async open(baseUrl: string): Promise<Lane> {
    const client = new Client(baseUrl, { pipelining: 1 });
    try {
      const { body } = await client.request({ method: 'GET', path: '/health' });
      const { processes } = (await body.json()) as { processes: { worker: number } };
      return new Lane(client, processes.worker);
    } catch (error) {
      await client.destroy();
      throw error;
    }
  }

  /** A lane to this process; the kernel decides where a connection goes, so others are opened and closed on the way. */
  static async to(baseUrl: string, worker: WorkerNumber): Promise<Lane> {
    for (let tries = 0; tries < 200; tries += 1) {
      const lane = await Lane.open(baseUrl);
      if (lane.worker === worker) return lane;
      await lane.close();
    }
    throw new Error(`no connection has come to worker ${worker}`);
  }

  async json<T>(method: 'GET' | 'PUT' | 'POST', path: string, token: string, body?: unknown): Promise<{ status: number; headers: Record<string, string | string[] | undefined>; body: T }> {
    const response = await this.client.request({ method, path, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const text = await response.body.text();
    return { status: response.statusCode, headers: response.headers, body: (text.startsWith('{') ? JSON.parse(text) : text) as T };
  }

  close(): Promise<void> {
    return this.client.destroy();
  }
}

/** A request that was sent over a lane. */
export interface LaneSent extends Sent {
  readonly worker: WorkerNumber;
}

/** Traffic that nothing but the end of a process disturbs, over so many connections at once. */
export class LaneLoad {
  readonly sent: LaneSent[] = [];
  private next = 0;
  private ending = false;
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly apex: Apex,
    private readonly seed: number,
  ) {}

  /** Resolves when all lanes are open and the first requests are on their way. @returns how many lanes lead to which process */
  async start(lanes: number): Promise<ReadonlyMap<WorkerNumber, number>> {
    const { baseUrl, apiKey } = this.apex;
    const opened = await Promise.all(Array.from({ length: lanes }, () => Lane.open(baseUrl)));
    this.running = Promise.all(opened.map((lane) => this.drive(lane, baseUrl, apiKey))).then(() => undefined);
    return opened.reduce((counts, { worker }) => counts.set(worker, (counts.get(worker) ?? 0) + 1), new Map<WorkerNumber, number>());
  }

  /** No new requests; resolves when those under way have ended. */
  async end(): Promise<readonly LaneSent[]> {
    this.ending = true;
    await this.running;
    return this.sent;
  }

  private async drive(first: Lane, baseUrl: string, apiKey: string): Promise<void> {
    let lane: Lane | null = first;
    while (lane !== null && !this.ending) {
      const sent: LaneSent = await send(lane, this.plan(), apiKey);
      this.sent.push(sent);
      if (sent.end === 'answered' && sent.status === sent.plan.status) continue;
      await lane.close();
      // Nobody listens any more: the load is over.
      lane = await Lane.open(baseUrl).catch(() => null);
    }
    await lane?.close();
  }

  private plan(): PlannedRequest {
    for (;;) {
      const plan = plannedRequest(this.seed, this.next++);
      if (plan.hangUpAfterBytes === null && !plan.disturbed && plan.status === 200) return plan;
    }
  }
}

async function send(lane: Lane, plan: PlannedRequest, apiKey: string): Promise<LaneSent> {
  let status: number | null = null;
  let requestId: string | null = null;
  let tokensUsed: number | null = null;
  let tail = '';
  const ended = (end: Sent['end']): LaneSent => ({ plan, status, requestId, tokensUsed, tail, end, worker: lane.worker });
  try {
    const response = await lane.client.request({
      method: 'POST',
      path: plan.path,
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', 'x-apex-session': plan.session },
      body: JSON.stringify(plan.body),
    });
    status = response.statusCode;
    requestId = String(response.headers['x-request-id']);
    const tokens = response.headers['x-tokens-used'];
    tokensUsed = tokens === undefined ? null : Number(tokens);
    tail = (await response.body.text()).slice(-400);
    return ended('answered');
  } catch (error) {
    return ended((error as { code?: string }).code === 'ECONNREFUSED' ? 'refused' : 'broken');
  }
}
