import { type AnswerEvent } from '../../dialogue/answer.js';
import { type StreamEncoderOptions } from '../../dialogue/codec.js';
import { sealedId } from '../../dialogue/sealed-ids.js';
import { ChatStreamEncoder } from './stream-encoder.js';

const options: StreamEncoderOptions = { includeUsage: false, model: 'served', created: 99, id: 'chatcmpl-apex' };
const start: AnswerEvent = { type: 'start', id: 'msg_1', model: 'claude', created: 0 };
const at = { candidate: 0, part: 0 };
const usage = { promptTokens: 20, cachedTokens: 16, cacheWriteTokens: 2, completionTokens: 33, reasoningTokens: 4 };

type Chunk = { choices: { index: number; delta: unknown; finish_reason: string | null }[] } & Record<string, unknown>;

/** The chunks of each event, without the framing of the protocol. */
function written(events: readonly AnswerEvent[], more: Partial<StreamEncoderOptions> = {}): (Chunk | string)[][] {
  const encoder = new ChatStreamEncoder({ ...options, ...more });
  return events.map((event) => encoder.push(event).map(({ event: name, data }) => {
    expect(name).toBeNull();
    return data === '[DONE]' ? data : (JSON.parse(data) as Chunk);
  }));
}
const deltas = (events: readonly AnswerEvent[]): unknown[][] => written(events).map((chunks) => chunks.map((chunk) => (typeof chunk === 'string' ? chunk : chunk.choices[0]?.delta)));
const chunk = (delta: object, finish_reason: string | null = null): object => ({ id: 'msg_1', object: 'chat.completion.chunk', created: 99, model: 'served', choices: [{ index: 0, delta, logprobs: null, finish_reason }] });

const text = (pieces: string[]): AnswerEvent[] => [{ type: 'part_start', ...at, start: { type: 'text' } }, ...pieces.map((piece): AnswerEvent => ({ type: 'delta', ...at, delta: { type: 'text', text: piece } })), { type: 'part_end', ...at }];
const stop = (reason: Extract<AnswerEvent, { type: 'stop' }>['reason'], stopSequence: string | null = null): AnswerEvent => ({ type: 'stop', candidate: 0, reason, stopSequence });

describe('ChatStreamEncoder', () => {
  it('begins with the role, tells each piece at once, and ends with `[DONE]`', () => {
    expect(written([start, ...text(['Hel', '', 'lo']), stop('stop'), { type: 'usage', usage }, { type: 'end' }])).toEqual([
      [chunk({ role: 'assistant', content: '' })],
      [],
      [chunk({ content: 'Hel' })],
      [],
      [chunk({ content: 'lo' })],
      [],
      [chunk({}, 'stop')],
      [],
      ['[DONE]'],
    ]);
  });

  it('tells the last usage in a chunk without choices to those who asked', () => {
    const [, first, last] = [null, ...written([start, { type: 'usage', usage: { ...usage, completionTokens: 0, reasoningTokens: 0 } }, stop('stop'), { type: 'usage', usage }, { type: 'end' }], { includeUsage: true }).filter((chunks) => chunks.length > 0)];
    expect(first).toEqual([{ ...chunk({ role: 'assistant', content: '' }), usage: null }]);
    expect(last).toEqual([{ ...chunk({}, 'stop'), usage: null }]);
    const end = written([start, { type: 'usage', usage }, { type: 'end' }], { includeUsage: true }).at(-1);
    expect(end).toEqual([
      {
        ...chunk({}),
        choices: [],
        usage: { prompt_tokens: 20, completion_tokens: 33, total_tokens: 53, prompt_tokens_details: { cached_tokens: 16, cache_write_tokens: 2 }, completion_tokens_details: { reasoning_tokens: 4 } },
      },
      '[DONE]',
    ]);
  });

  it('counts tool calls by index, passes their pieces on as they come, and says `{}` for none', () => {
    const begin = (part: number, id: string): AnswerEvent => ({ type: 'part_start', candidate: 0, part, start: { type: 'tool_call', id, name: 'f', ...(part === 2 ? { signature: 'c2ln' } : {}) } });
    expect(
      deltas([
        start,
        ...text(['Let me see.']),
        begin(1, 'call_a'),
        { type: 'delta', candidate: 0, part: 1, delta: { type: 'arguments', text: '{"a' } },
        { type: 'delta', candidate: 0, part: 1, delta: { type: 'arguments', text: '":1}' } },
        { type: 'part_end', candidate: 0, part: 1 },
        begin(2, 'call_b'),
        { type: 'part_end', candidate: 0, part: 2 },
        stop('tool_calls'),
      ]).slice(4),
    ).toEqual([
      [{ tool_calls: [{ index: 0, id: 'call_a', type: 'function', function: { name: 'f', arguments: '' } }] }],
      [{ tool_calls: [{ index: 0, function: { arguments: '{"a' } }] }],
      [{ tool_calls: [{ index: 0, function: { arguments: '":1}' } }] }],
      [],
      [{ tool_calls: [{ index: 1, id: sealedId('call_b', 'c2ln'), type: 'function', function: { name: 'f', arguments: '' } }] }],
      [{ tool_calls: [{ index: 1, function: { arguments: '{}' } }] }],
      [{}],
    ]);
  });

  it('tells thinking as `reasoning_content`, and once more with its signature when that has come', () => {
    expect(
      deltas([
        start,
        { type: 'part_start', ...at, start: { type: 'thinking' } },
        { type: 'delta', ...at, delta: { type: 'text', text: 'Let me ' } },
        { type: 'delta', ...at, delta: { type: 'text', text: 'see.' } },
        { type: 'delta', ...at, delta: { type: 'signature', signature: { by: 'openai-chat', value: 'c2ln' } } },
        { type: 'part_end', ...at },
        { type: 'part_start', candidate: 0, part: 1, start: { type: 'redacted_thinking', data: { by: 'openai-chat', value: 'ZW5j' } } },
        { type: 'part_end', candidate: 0, part: 1 },
      ]),
    ).toEqual([
      [{ role: 'assistant', content: '' }],
      [],
      [{ reasoning_content: 'Let me ' }],
      [{ reasoning_content: 'see.' }],
      [],
      [{ reasoning_details: [{ type: 'reasoning.text', text: 'Let me see.', signature: 'c2ln', index: 0 }] }],
      [{ reasoning_details: [{ type: 'reasoning.encrypted', data: 'ZW5j', index: 1 }] }],
      [],
    ]);
  });

  it.each([
    ['stop', 'stop'],
    ['stop_sequence', 'stop'],
    ['length', 'length'],
    ['context', 'length'],
    ['pause', 'length'],
    ['tool_calls', 'tool_calls'],
    ['refusal', 'content_filter'],
  ] as const)('ends %s with %s', (reason, told) => {
    expect(written([start, stop(reason, reason === 'stop_sequence' ? 'END' : null)]).at(-1)).toMatchObject([{ choices: [{ finish_reason: told, ...(reason === 'stop_sequence' ? { stop_reason: 'END' } : {}) }] }]);
  });

  it('ends a refusal that it told with `stop`', () => {
    const events: AnswerEvent[] = [start, { type: 'part_start', ...at, start: { type: 'refusal' } }, { type: 'delta', ...at, delta: { type: 'text', text: 'No.' } }, { type: 'part_end', ...at }, stop('refusal')];
    expect(written(events).slice(2)).toEqual([[chunk({ refusal: 'No.' })], [], [chunk({}, 'stop')]]);
  });

  it('gives every choice its role', () => {
    const events: AnswerEvent[] = [start, { type: 'part_start', candidate: 1, part: 0, start: { type: 'text' } }, { type: 'delta', candidate: 1, part: 0, delta: { type: 'text', text: 'x' } }];
    expect(written(events)).toMatchObject([[{ choices: [{ index: 0, delta: { role: 'assistant' } }] }], [{ choices: [{ index: 1, delta: { role: 'assistant' } }] }], [{ choices: [{ index: 1, delta: { content: 'x' } }] }]]);
  });

  it('tells an error as the last event, whether or not the answer has begun, and then no `[DONE]`', () => {
    const error: AnswerEvent = { type: 'error', error: { httpStatus: 529, kind: 'overloaded', message: 'Overloaded', code: 'overloaded_error', param: null } };
    const told = [{ error: { message: 'Overloaded', type: 'server_error', param: null, code: 'overloaded_error' } }];
    expect(written([start, ...text(['x']), error]).at(-1)).toEqual(told);
    expect(written([error])).toEqual([told]);
  });

  it("names what the provider has no name for by the caller's own", () => {
    expect(written([{ ...start, id: '', created: 5 }])).toMatchObject([[{ id: 'chatcmpl-apex', created: 5 }]]);
  });
});
