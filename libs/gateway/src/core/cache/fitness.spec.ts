import { type Surface } from '@apex/usage';
import { saying } from './exact-cache.fakes.js';
import { type Unfit, unfitness } from './fitness.js';

const whole = (surface: Surface, json: unknown): Unfit | null => unfitness(surface, false, Buffer.from(typeof json === 'string' ? json : JSON.stringify(json)));
const sse = (events: readonly (object | string)[]): Buffer => Buffer.from(events.map((data) => `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`).join(''));
const stream = (surface: Surface, events: readonly (object | string)[]): Unfit | null => unfitness(surface, true, sse(events));

const delta = (more: object, finish: string | null = null, index = 0): object => ({ object: 'chat.completion.chunk', choices: [{ index, delta: more, finish_reason: finish }], usage: null });
const hello = delta({ role: 'assistant', content: 'say "finish_reason":"length" and "refusal":"no"', refusal: null });
const usageChunk = { choices: [], usage: { prompt_tokens: 1 } };

const output = (...items: object[]): object => ({ object: 'response', status: 'completed', error: null, incomplete_details: null, output: items });
const text = { type: 'message', content: [{ type: 'output_text', text: 'hi', annotations: [] }] };
const message = (stop: string | null, content: object[] = [{ type: 'text', text: 'hi' }]): object => ({ type: 'message', role: 'assistant', content, stop_reason: stop });
const block = (type: string): object => ({ type: 'content_block_start', index: 0, content_block: { type } });
const stop = (reason: string): object => ({ type: 'message_delta', delta: { stop_reason: reason } });

describe('the fitness of an answer', () => {
  it.each<[string, Unfit | null, Unfit | null]>([
    ['a chat that ended well', null, whole('chat.completions', saying('hi'))],
    ['calls tools', null, whole('chat.completions', { choices: [{ index: 0, message: { content: null, tool_calls: [{}] }, finish_reason: 'tool_calls' }] })],
    ['is cut off', 'truncated', whole('chat.completions', saying('hi', 'length'))],
    ['is filtered', 'refused', whole('chat.completions', saying('hi', 'content_filter'))],
    ['refuses', 'refused', whole('chat.completions', { choices: [{ message: { content: null, refusal: 'No.' }, finish_reason: 'stop' }] })],
    ['has one bad choice of two', 'truncated', whole('chat.completions', { choices: [{ finish_reason: 'stop', message: {} }, { finish_reason: 'length', message: {} }] })],
    ['found things on the web', 'live', whole('chat.completions', { choices: [{ message: { content: 'x', annotations: [{ type: 'url_citation' }] }, finish_reason: 'stop' }] })],
    ['has no end', 'incomplete', whole('chat.completions', { choices: [{ message: { content: 'x' } }] })],
    ['ends in a way nobody knows', 'incomplete', whole('chat.completions', saying('x', 'abort'))],
    ['has no choices', 'incomplete', whole('chat.completions', { choices: [] })],
    ['is an error in a good answer\'s clothes', 'error', whole('chat.completions', { error: { message: 'x' }, choices: [{ finish_reason: 'stop', message: {} }] })],
    ['has an error in a choice', 'error', whole('chat.completions', { choices: [{ error: { code: 502 }, finish_reason: 'stop', message: {} }] })],
    ['is no JSON', 'unreadable', whole('chat.completions', '{"choices":[')],
    ['is no object', 'unreadable', whole('chat.completions', '[]')],

    ['a response', null, whole('responses', output({ type: 'reasoning', summary: [] }, text, { type: 'function_call' }))],
    ['a refusal in a response', 'refused', whole('responses', output({ type: 'message', content: [{ type: 'refusal', refusal: 'No.' }] }))],
    ['a response at its limit', 'truncated', whole('responses', { ...output(text), status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } })],
    ['a filtered response', 'refused', whole('responses', { ...output(text), status: 'incomplete', incomplete_details: { reason: 'content_filter' } })],
    ['a failed response', 'error', whole('responses', { ...output(), status: 'failed', error: { code: 'x' } })],
    ['a response in the background', 'incomplete', whole('responses', { ...output(), status: 'queued' })],
    ['a response that searched', 'live', whole('responses', output({ type: 'web_search_call' }, text))],
    ['a response that did something', 'live', whole('responses', output({ type: 'mcp_call' }, text))],
    ['a response with sources', 'live', whole('responses', output({ type: 'message', content: [{ type: 'output_text', text: 'x', annotations: [{}] }] }))],
    ['a response without output', 'incomplete', whole('responses', { status: 'completed' })],

    ['a message', null, whole('messages', message('end_turn'))],
    ['a message that calls tools', null, whole('messages', message('tool_use', [{ type: 'thinking' }, { type: 'tool_use' }]))],
    ['a message at its limit', 'truncated', whole('messages', message('max_tokens'))],
    ['a message that fills the window', 'truncated', whole('messages', message('model_context_window_exceeded'))],
    ['a refused message', 'refused', whole('messages', message('refusal'))],
    ['a message that pauses', 'incomplete', whole('messages', message('pause_turn'))],
    ['a message without an end', 'incomplete', whole('messages', message(null))],
    ['a message that searched', 'live', whole('messages', message('end_turn', [{ type: 'server_tool_use' }, { type: 'web_search_tool_result' }]))],
    ['an error for a message', 'error', whole('messages', { type: 'error', error: {} })],

    ['embeddings', null, whole('embeddings', { object: 'list', data: [{ embedding: [0.1, -2e-3] }] })],
    ['no embeddings', 'incomplete', whole('embeddings', { object: 'list', data: [] })],
    ['an error for embeddings', 'error', whole('embeddings', { error: {}, data: [{ embedding: [1] }] })],
    ['half of embeddings', 'unreadable', whole('embeddings', '{"data":[{"embedding":[0.1')],
  ])('%s: %j', (_, expected, verdict) => {
    expect(verdict).toBe(expected);
  });

  it.each<[string, Unfit | null, Unfit | null]>([
    ['a chat that ended well', null, stream('chat.completions', [hello, delta({ content: '!' }), delta({}, 'stop'), usageChunk, '[DONE]'])],
    ['is cut off', 'truncated', stream('chat.completions', [hello, delta({}, 'length'), '[DONE]'])],
    ['is filtered', 'refused', stream('chat.completions', [hello, delta({}, 'content_filter'), '[DONE]'])],
    ['refuses', 'refused', stream('chat.completions', [delta({ refusal: 'No' }), delta({}, 'stop'), '[DONE]'])],
    ['found things', 'live', stream('chat.completions', [hello, delta({ annotations: [{}] }), delta({}, 'stop'), '[DONE]'])],
    ['without its end', 'incomplete', stream('chat.completions', [hello, delta({}, 'stop')])],
    ['without a reason for its end', 'incomplete', stream('chat.completions', [hello, '[DONE]'])],
    ['one of two choices has not ended', 'incomplete', stream('chat.completions', [hello, delta({ content: 'x' }, null, 1), delta({}, 'stop'), '[DONE]'])],
    ['two choices', null, stream('chat.completions', [hello, delta({ content: 'x' }, null, 1), delta({}, 'stop', 1), delta({}, 'stop'), '[DONE]'])],
    ['the second choice is cut off', 'truncated', stream('chat.completions', [hello, delta({}, 'stop'), delta({}, 'length', 1), '[DONE]'])],
    ['an error on the way', 'error', stream('chat.completions', [hello, { error: { message: 'x' } }, delta({}, 'stop'), '[DONE]'])],
    ['nothing', 'incomplete', stream('chat.completions', [])],
    ['an event that is no JSON', 'unreadable', stream('chat.completions', ['{"error":{', delta({}, 'stop'), '[DONE]'])],

    ['a response', null, stream('responses', [{ type: 'response.created' }, { type: 'response.output_text.delta', delta: '"type":"error"' }, { type: 'response.completed', response: output(text) }])],
    ['a refusal in a response', 'refused', stream('responses', [{ type: 'response.completed', response: output({ type: 'message', content: [{ type: 'refusal' }] }) }])],
    ['a response at its limit', 'truncated', stream('responses', [{ type: 'response.incomplete', response: { ...output(text), status: 'incomplete', incomplete_details: {} } }])],
    ['a failed response', 'error', stream('responses', [{ type: 'response.failed', response: {} }])],
    ['a response without an end', 'incomplete', stream('responses', [{ type: 'response.created' }])],

    ['a message', null, stream('messages', [{ type: 'message_start', message: { stop_reason: null } }, block('text'), stop('end_turn'), { type: 'message_stop' }])],
    ['a message at its limit', 'truncated', stream('messages', [block('text'), stop('max_tokens'), { type: 'message_stop' }])],
    ['a refused message', 'refused', stream('messages', [block('text'), stop('refusal'), { type: 'message_stop' }])],
    ['a message that searched', 'live', stream('messages', [block('server_tool_use'), stop('end_turn'), { type: 'message_stop' }])],
    ['a message without its end', 'incomplete', stream('messages', [block('text'), stop('end_turn')])],
    ['a message that fails', 'error', stream('messages', [block('text'), { type: 'error', error: {} }])],

    ['embeddings are no stream', 'unreadable', stream('embeddings', [{ data: [{}] }])],
  ])('streamed, %s: %j', (_, expected, verdict) => {
    expect(verdict).toBe(expected);
  });

  it('reads a stream with other line ends and white space', () => {
    const events = 'data:{ "choices" : [ { "index" : 0, "finish_reason" : "length" } ] }\r\n\r\ndata: [DONE]\r\n\r\n';
    expect(unfitness('chat.completions', true, Buffer.from(events))).toBe('truncated');
    expect(unfitness('chat.completions', true, Buffer.from(events.replace('length', 'stop')))).toBeNull();
  });
});
