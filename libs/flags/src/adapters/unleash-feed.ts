import { Logger } from '@nestjs/common';
import { type UnleashConfig } from '../flags.config.js';
import { readServerAnswer, type ServerAnswer } from '../core/server-toggles.js';

/** An answer that has not come by then is none. Also what a start waits for at the most. */
const ANSWER_LIMIT_MS = 3_000;

export interface UnleashFeedOptions extends UnleashConfig {
  /** The toggles that Apex asks about. */
  readonly names: ReadonlySet<string>;
  /** Takes in a good answer, also one that is as before. */
  readonly accept: (answer: ServerAnswer) => Promise<void>;
}

/**
 * Asks an Unleash server again and again (`GET /client/features`), and hands on what can be read. Whatever else comes,
 * or nothing, is warned of once and changes nothing. The interval does not grow in an outage: its end is noticed at once.
 */
export class UnleashFeed {
  private readonly log = new Logger('Unleash');
  private timer: NodeJS.Timeout | null = null;
  private asking: Promise<void> | null = null;
  private readonly end = new AbortController();
  private complaint = '';

  constructor(private readonly options: UnleashFeedOptions) {}

  /** Resolves after the first question, answered or not. */
  async start(): Promise<void> {
    await this.round();
  }

  /** No timer is left behind, and a question under way is given up. */
  async stop(): Promise<void> {
    this.end.abort();
    if (this.timer) clearTimeout(this.timer);
    await this.asking;
  }

  private async round(): Promise<void> {
    this.asking = this.ask();
    await this.asking;
    if (!this.end.signal.aborted) this.timer = setTimeout(() => void this.round(), this.options.refreshMs);
  }

  private async ask(): Promise<void> {
    try {
      const answer = readServerAnswer(await this.fetch(), this.options.names);
      const unkept = await this.options.accept(answer).then(() => null, reasonOf);
      if (unkept !== null) this.complain(`What Unleash says is in force, but cannot be kept for an outage: ${unkept}`);
      else this.complain(answer.refused.length === 0 ? '' : `Toggles that cannot be followed, their last state stays in force: ${answer.refused.join('; ')}`);
    } catch (error) {
      if (!this.end.signal.aborted) this.complain(`Unleash gives no usable answer, the last state stays in force: ${reasonOf(error)}`);
    }
  }

  private async fetch(): Promise<unknown> {
    const response = await fetch(`${this.options.url}/client/features`, {
      headers: { accept: 'application/json', authorization: this.options.token, 'unleash-appname': 'apex', 'unleash-client-spec': '5.2.0' },
      // A token is for one server only.
      redirect: 'error',
      signal: AbortSignal.any([this.end.signal, AbortSignal.timeout(ANSWER_LIMIT_MS)]),
    });
    if (response.ok) return response.json();
    await response.body?.cancel();
    throw new Error(`status ${response.status}`);
  }

  /** Once per cause, not once per round. */
  private complain(about: string): void {
    if (about === this.complaint) return;
    if (about === '') this.log.log('Unleash is followed again');
    else this.log.warn(about);
    this.complaint = about;
  }
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
