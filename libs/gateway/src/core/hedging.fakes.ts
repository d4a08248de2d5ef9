import { llmConfig, llmEnvSchema, ProviderRegistry, type Target, type UpstreamControl, type UpstreamEvents, type UpstreamFailure, type UpstreamRequest } from '@apex/llm';
import { type AttemptRow, type OpenEntry, type UsageRecordRow, UsageRecorder } from '@apex/usage';
import { createWorld, type World } from './pipeline.fakes.js';
import { type PipelineDeps } from './pipeline.js';
import { TargetBoard } from './resilience/target-board.js';
import { type TargetVerdict } from './resilience/target-health.js';

/** A call that does what the test says, step by step, as far as a call can. */
export class SteppedCall implements UpstreamControl {
  state: 'silent' | 'answering' | 'ended' | 'failed' | 'aborted' = 'silent';
  status = 0;

  constructor(
    readonly request: UpstreamRequest,
    private readonly events: UpstreamEvents,
  ) {}

  get running(): boolean {
    return this.state === 'silent' || this.state === 'answering';
  }

  head(status: number, headers: Record<string, string> = {}): void {
    if (this.state !== 'silent') return;
    this.state = 'answering';
    this.status = status;
    this.events.onHead(status, { 'content-type': 'application/json', ...headers });
  }

  data(text: string): void {
    if (this.state === 'answering') this.events.onData(Buffer.from(text));
  }

  end(): void {
    if (this.state !== 'answering') return;
    this.state = 'ended';
    this.events.onEnd();
  }

  fail(failure: UpstreamFailure): void {
    if (!this.running) return;
    this.state = 'failed';
    this.events.onFailure(failure);
  }

  /** The real client may tell of the abort in a later turn, and so does this one. */
  abort(): void {
    if (!this.running) return;
    this.state = 'aborted';
    queueMicrotask(() => this.events.onFailure('aborted'));
  }

  pause(): void {}

  resume(): void {}
}

export class SteppedUpstream {
  readonly calls: SteppedCall[] = [];
  /** The most calls that were under way at once. */
  most = 0;

  call(request: UpstreamRequest, events: UpstreamEvents): UpstreamControl {
    const call = new SteppedCall(request, events);
    this.calls.push(call);
    this.most = Math.max(this.most, this.calls.filter(({ running }) => running).length);
    return call;
  }
}

/** Writes an open when the test says so. */
export class SteppedRecorder extends UsageRecorder {
  readonly opened: OpenEntry[] = [];
  readonly closed: { record: UsageRecordRow; attempts: readonly AttemptRow[] }[] = [];
  private readonly pending: ((error?: Error) => void)[] = [];

  open(entry: OpenEntry, done: (error?: Error) => void): void {
    this.opened.push(entry);
    this.pending.push(done);
  }

  close(record: UsageRecordRow, attempts: readonly AttemptRow[], done: (error?: Error) => void): void {
    this.closed.push({ record, attempts });
    queueMicrotask(() => done());
  }

  get waiting(): number {
    return this.pending.length;
  }

  written(error?: Error): void {
    this.pending.shift()?.(error);
  }
}

/** Knows how many turns have not ended. */
export class CountingBoard extends TargetBoard {
  underWay = 0;

  override begin(target: Target): (verdict: TargetVerdict, nowMs: number) => void {
    const end = super.begin(target);
    this.underWay++;
    return (verdict, nowMs) => {
      this.underWay--;
      end(verdict, nowMs);
    };
  }
}

export interface SteppedWorld extends Omit<World, 'upstream' | 'recorder'> {
  readonly upstream: SteppedUpstream;
  readonly recorder: SteppedRecorder;
  readonly board: CountingBoard;
  /** Where a request can go, in this order. */
  readonly places: readonly Target[];
  /** What is to run next, by the clock, runs; the clock says when it was to. False: nothing waits. */
  tick(): boolean;
}

export const HEDGE_AFTER_MS = 200;

/** Three places in two protocols, asked in this order; the second also when the first takes its time. */
const env = llmEnvSchema.parse({
  OPENAI_BASE_URL: 'http://provider/v1',
  ANTHROPIC_BASE_URL: 'http://anthropic',
  APEX_PROVIDERS: '[{"name":"groq","baseUrl":"http://groq/v1"}]',
  APEX_ROUTES: JSON.stringify({ 'gpt-4o-mini': { fallbacks: ['groq/llama', 'claude-haiku-4-5'], hedgeAfterMs: HEDGE_AFTER_MS } }),
});

export function createSteppedWorld(overrides: Partial<PipelineDeps> = {}): SteppedWorld {
  const upstream = new SteppedUpstream();
  const recorder = new SteppedRecorder();
  const board = new CountingBoard();
  const { providers, routes } = llmConfig(env);
  const registry = new ProviderRegistry(providers, routes);
  const { targets, fallbacks } = registry.route('gpt-4o-mini')!;
  const world = createWorld([], { providers: registry, upstream, recorder, board, ...overrides });
  return Object.assign(world, {
    upstream,
    recorder,
    board,
    places: [...targets, ...fallbacks],
    tick: () => {
      const [next] = [...world.waits].sort((a, b) => a.ms - b.ms);
      if (next === undefined) return false;
      world.waits.splice(world.waits.indexOf(next), 1);
      world.now += next.ms;
      next.run();
      return true;
    },
  });
}
