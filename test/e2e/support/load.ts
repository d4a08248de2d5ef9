import { Agent, request } from 'undici';
import { type Apex } from './apex.js';
import { type PlannedRequest, plannedRequest } from './plan.js';

/** How a request ended for its client. */
export interface Sent {
  readonly plan: PlannedRequest;
  /** null: the connection broke before there was an answer. */
  readonly status: number | null;
  readonly requestId: string | null;
  readonly tokensUsed: number | null;
  /** The end of what came of the body. */
  readonly tail: string;
  /**
   * `answered`: to its last byte. `hung_up`: the client left, as planned. `broken`: the connection did, in the middle.
   * `refused`: nobody listened; Apex never saw it.
   */
  readonly end: 'answered' | 'hung_up' | 'broken' | 'refused';
}

export interface LoadOptions {
  readonly seed: number;
  /** At least so many. */
  readonly requests: number;
  readonly concurrency: number;
  /** Request `index` of the traffic of `seed`; chats and embeddings unless told otherwise. */
  readonly plan?: (seed: number, index: number) => PlannedRequest;
}

const TAIL = 400;

/** Mixed traffic against one Apex, and what became of it. */
export class Load {
  readonly sent: Sent[] = [];
  private started = 0;
  private holding: Promise<void> = Promise.resolve();
  private keepGoing = false;
  private readonly marks: { at: number; reached: () => void }[] = [];
  private readonly agent: Agent;

  constructor(
    private readonly apex: Apex,
    private readonly options: LoadOptions,
  ) {
    this.agent = new Agent({ connections: options.concurrency, pipelining: 1 });
  }

  /** Sends everything; resolves when the last request has ended. */
  async run(): Promise<readonly Sent[]> {
    const worker = async (): Promise<void> => {
      for (;;) {
        await this.holding;
        if (this.started >= this.options.requests && !this.keepGoing) return;
        this.sent.push(await this.send((this.options.plan ?? plannedRequest)(this.options.seed, this.started++)));
        for (const mark of this.marks.filter(({ at }) => at === this.sent.length)) mark.reached();
      }
    };
    await Promise.all(Array.from({ length: this.options.concurrency }, worker));
    await this.agent.close();
    return this.sent;
  }

  /** Resolves when so many requests have ended. */
  reached(count: number): Promise<void> {
    return new Promise((resolve) => this.marks.push({ at: count, reached: resolve }));
  }

  /** While `work` runs no new request begins; those under way go on. */
  async holdDuring(work: () => Promise<void>): Promise<void> {
    let release: () => void = () => undefined;
    this.holding = new Promise((resolve) => (release = resolve));
    await work().finally(release);
  }

  /** While `work` runs the load does not end, however many requests that takes. */
  async keepGoingDuring(work: () => Promise<void>): Promise<void> {
    this.keepGoing = true;
    await work().finally(() => (this.keepGoing = false));
  }

  private async send(plan: PlannedRequest): Promise<Sent> {
    let status: number | null = null;
    let requestId: string | null = null;
    let tokensUsed: number | null = null;
    let tail = '';
    const ended = (end: Sent['end']): Sent => ({ plan, status, requestId, tokensUsed, tail, end });
    try {
      const response = await request(this.apex.baseUrl + plan.path, {
        dispatcher: this.agent,
        method: 'POST',
        headers: { authorization: `Bearer ${this.apex.apiKey}`, 'content-type': 'application/json', 'x-apex-session': plan.session },
        body: JSON.stringify(plan.body),
      });
      status = response.statusCode;
      requestId = String(response.headers['x-request-id']);
      const tokens = response.headers['x-tokens-used'];
      tokensUsed = tokens === undefined ? null : Number(tokens);
      let bytes = 0;
      for await (const chunk of response.body as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        tail = (tail + chunk.toString('latin1', Math.max(0, chunk.length - TAIL))).slice(-TAIL);
        // Leaving the loop closes the connection.
        if (plan.hangUpAfterBytes !== null && bytes > plan.hangUpAfterBytes) return ended('hung_up');
      }
      return ended('answered');
    } catch (error) {
      if ((error as { code?: string }).code === 'ECONNREFUSED') return ended('refused');
      return ended('broken');
    }
  }
}
