import { type LimitState, type Reservation } from '@apex/auth';
import { type Surface } from '@apex/usage';
import { type Reply } from '../../ports/reply.js';

/** The reply to a request with limits in force: its head says how it stands with them. */
export class LimitedReply implements Reply {
  private source: Pick<Reservation, 'states'> | readonly LimitState[] | null = null;

  constructor(
    private readonly client: Reply,
    private readonly surface: Surface,
    private readonly receivedAt: number,
  ) {}

  tell(source: Pick<Reservation, 'states'> | readonly LimitState[]): void {
    this.source = source;
  }

  get gone(): boolean {
    return this.client.gone;
  }

  onGone(listener: () => void): void {
    this.client.onGone(listener);
  }

  send(status: number, headers: string[], body: readonly Buffer[]): void {
    this.client.send(status, this.marked(headers), body);
  }

  head(status: number, headers: string[]): void {
    this.client.head(status, this.marked(headers));
  }

  write(chunk: Buffer): boolean {
    return this.client.write(chunk);
  }

  onDrain(listener: () => void): void {
    this.client.onDrain(listener);
  }

  end(chunk?: Buffer): void {
    this.client.end(chunk);
  }

  /** The provider's own limits give way to ours of the same name: a header stands once. */
  private marked(headers: string[]): string[] {
    if (this.source === null) return headers;
    const states = 'states' in this.source ? this.source.states() : this.source;
    const own = limitHeaders(states, this.surface, this.receivedAt);
    if (own.length === 0) return headers;
    const marked: string[] = [];
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i]!;
      if (!OWN_NAMES.has(name) || !own.includes(name)) marked.push(name, headers[i + 1]!);
    }
    for (const text of own) marked.push(text);
    return marked;
  }
}

/** What an answer says of one limit. Spelt out: a name that is put together is a new string, to be looked at anew by all who read it. */
const OPENAI_NAMES = {
  requests: { limit: 'x-ratelimit-limit-requests', remaining: 'x-ratelimit-remaining-requests', reset: 'x-ratelimit-reset-requests' },
  tokens: { limit: 'x-ratelimit-limit-tokens', remaining: 'x-ratelimit-remaining-tokens', reset: 'x-ratelimit-reset-tokens' },
} as const;
const ANTHROPIC_NAMES = {
  requests: { limit: 'anthropic-ratelimit-requests-limit', remaining: 'anthropic-ratelimit-requests-remaining', reset: 'anthropic-ratelimit-requests-reset' },
  tokens: { limit: 'anthropic-ratelimit-tokens-limit', remaining: 'anthropic-ratelimit-tokens-remaining', reset: 'anthropic-ratelimit-tokens-reset' },
} as const;
const OWN_NAMES: ReadonlySet<string> = new Set([OPENAI_NAMES, ANTHROPIC_NAMES].flatMap((names) => [names.requests, names.tokens].flatMap((of) => [of.limit, of.remaining, of.reset])));

/**
 * As OpenAI tells them (https://platform.openai.com/docs/guides/rate-limits, "Rate limits in headers") and, on its surface,
 * as Anthropic does (https://docs.anthropic.com/en/api/rate-limits, "Response headers").
 */
export function limitHeaders(states: readonly LimitState[], surface: Surface, nowMs: number): string[] {
  const headers: string[] = [];
  for (const { name, limit, remaining, resetMs } of states) {
    if (name !== 'requests' && name !== 'tokens') continue;
    const anthropic = surface === 'messages';
    const names = (anthropic ? ANTHROPIC_NAMES : OPENAI_NAMES)[name];
    headers.push(names.limit, String(limit), names.remaining, String(remaining), names.reset, anthropic ? new Date(nowMs + resetMs).toISOString() : duration(resetMs));
  }
  return headers;
}

/** `250ms`, `1.5s`, `1m0s`. */
function duration(ms: number): string {
  if (ms < 1_000) return `${Math.ceil(ms)}ms`;
  if (ms < 60_000) return `${Math.ceil(ms / 100) / 10}s`;
  const seconds = Math.ceil(ms / 1_000);
  return `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
