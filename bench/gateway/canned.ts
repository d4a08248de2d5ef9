import { SSE_EVENTS } from './requests.js';

/** Digits of the identifier that makes each answer its own; the template holds this many zeros in its place. */
const ID_DIGITS = 24;
const ID = `chatcmpl-${'0'.repeat(ID_DIGITS)}`;

const USAGE = {
  prompt_tokens: 212, completion_tokens: 42, total_tokens: 254,
  prompt_tokens_details: { cached_tokens: 128, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 },
};

const TEXT = 'Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor.';

/**
 * A whole HTTP response kept as bytes, with the places where the answer's identifier stands. `next()` copies it with
 * a fresh identifier: two answers must differ, as a provider's do, or a gateway that confuses them would not show.
 */
export class CannedResponse {
  private readonly bytes: Buffer;
  private readonly places: number[] = [];

  constructor(head: string, body: string) {
    this.bytes = Buffer.from(`${head}\r\n\r\n${body}`, 'latin1');
    for (let at = this.bytes.indexOf(zeros); at >= 0; at = this.bytes.indexOf(zeros, at + ID_DIGITS)) this.places.push(at);
  }

  next(id: Identifier): Buffer {
    const copy = Buffer.allocUnsafe(this.bytes.length);
    this.bytes.copy(copy);
    for (const place of this.places) id.digits.copy(copy, place);
    return copy;
  }
}

const zeros = Buffer.from('0'.repeat(ID_DIGITS));

/** Counts up in decimal ASCII, in place. */
export class Identifier {
  readonly digits = Buffer.from('0'.repeat(ID_DIGITS));

  advance(): void {
    for (let i = ID_DIGITS - 1; i >= 0; i--) {
      if (this.digits[i] !== 0x39) {
        this.digits[i] = (this.digits[i] as number) + 1;
        return;
      }
      this.digits[i] = 0x30;
    }
  }
}

const COMMON_HEAD = `openai-processing-ms: 1\r\nx-request-id: req_${'0'.repeat(ID_DIGITS)}`;

/** A chat completion of about 700 bytes with full usage details. */
export function cannedJson(): CannedResponse {
  const body = JSON.stringify({
    id: ID, object: 'chat.completion', created: 1_795_000_000, model: 'gpt-4o-mini-2024-07-18',
    choices: [{ index: 0, message: { role: 'assistant', content: TEXT, refusal: null }, logprobs: null, finish_reason: 'stop' }],
    usage: USAGE, system_fingerprint: 'fp_bench',
  });
  return new CannedResponse(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n${COMMON_HEAD}`, body);
}

/** A stream as OpenAI sends it: with `include_usage` every event carries `usage: null` and one more event the usage. */
export function cannedStream(includeUsage: boolean): CannedResponse {
  const words = TEXT.split(' ');
  const event = (choices: unknown[], usage: unknown): string => `data: ${JSON.stringify({
    id: ID, object: 'chat.completion.chunk', created: 1_795_000_000, model: 'gpt-4o-mini-2024-07-18', system_fingerprint: 'fp_bench', choices,
    ...(includeUsage ? { usage } : {}),
  })}\n\n`;
  const events = Array.from({ length: SSE_EVENTS }, (_, i) => {
    if (i === SSE_EVENTS - 1) return event([{ index: 0, delta: {}, logprobs: null, finish_reason: 'stop' }], null);
    const delta = i === 0 ? { role: 'assistant', content: '', refusal: null } : { content: `${words[(i - 1) % words.length] as string} ` };
    return event([{ index: 0, delta, logprobs: null, finish_reason: null }], null);
  });
  if (includeUsage) events.push(event([], USAGE));
  events.push('data: [DONE]\n\n');
  const chunked = events.map((text) => `${text.length.toString(16)}\r\n${text}\r\n`).join('');
  return new CannedResponse(`HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n${COMMON_HEAD}`, `${chunked}0\r\n\r\n`);
}

/** A small JSON answer without an identifier, for the few requests that are not completions. */
export function plainJson(status: string, value: unknown): Buffer {
  const body = JSON.stringify(value);
  return Buffer.from(`HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}
