import { type Fields, newId } from '@apex/common';
import { llmConfig, llmEnvSchema, type UpstreamProvider } from '@apex/llm';
import { type Call } from '../call.js';
import { surfaces } from '../surfaces/index.js';
import { wireFor } from './index.js';
import { type Wire, type WireRequest } from './wire.js';

const { providers } = llmConfig(llmEnvSchema.parse({}));
const provider = (name: string): UpstreamProvider => providers.find((one) => one.name === name)!;

type Surface = keyof typeof surfaces;

const wire = (surface: Surface, to: string): Wire => wireFor(surfaces[surface], provider(to))!;

function request(surface: Surface, body: Fields, json: Fields | null = null): WireRequest {
  const checked = surfaces[surface].check(body);
  if (!checked.ok) throw new Error(checked.refusal.message);
  const call: Call = checked.call;
  return { requestId: newId(), receivedAt: 1_000_000, body: Buffer.from(JSON.stringify(body)), json, call };
}

function encoded(surface: Surface, to: string, model: string, body: Fields) {
  const result = wire(surface, to).encode(request(surface, body), { provider: provider(to), model });
  if (!result.ok) throw new Error(result.refusal.message);
  return { body: JSON.parse(result.call.body.toString()) as Record<string, unknown>, text: result.call.body.toString(), ignored: result.call.ignored };
}

const GEMINI_ANSWER = {
  candidates: [
    {
      content: { role: 'model', parts: [{ text: 'Hm.', thought: true, thoughtSignature: 'Z2VtaW5p' }, { text: 'Wait.' }, { functionCall: { id: 'fc1', name: 'look', args: {} }, thoughtSignature: 'Y2FsbA==' }] },
      finishReason: 'STOP',
    },
  ],
  modelVersion: 'gemini-3-pro',
  responseId: 'r1',
};

/** What the client has after a turn that another provider answered. */
const told = (surface: Surface, to: string, answer: unknown): Record<string, unknown> =>
  wire(surface, to).readWhole(request(surface, { model: 'm', max_tokens: 100, messages: [{ role: 'user', content: 'x' }], input: 'x' }), [Buffer.from(JSON.stringify(answer))]).json as Record<string, unknown>;

describe('a conversation that goes on with another provider', () => {
  it("passes Anthropic's messages on without the thinking that Gemini signed, and gives the calls their own ids", () => {
    const content = told('messages', 'gemini', GEMINI_ANSWER)['content'] as { type: string; id: string }[];
    const messages = [
      { role: 'user', content: 'Go.' },
      { role: 'assistant', content },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: content[2]!.id, content: 'seen' }] },
    ];
    const { body, ignored } = encoded('messages', 'anthropic', 'claude-sonnet-4-5', { model: 'm', max_tokens: 100, messages });
    expect(body).toEqual({
      model: 'claude-sonnet-4-5',
      max_tokens: 100,
      messages: [messages[0], { role: 'assistant', content: [content[1], { ...content[2], id: 'fc1' }] }, { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'fc1', content: 'seen' }] }],
    });
    expect(ignored).toEqual(['messages[1].content[0]', 'messages[1].content[2].id']);
    // Back with Gemini both signatures are there again.
    expect(encoded('messages', 'gemini', 'gemini-3-pro-preview', { model: 'm', max_tokens: 100, messages }).text).toMatch(/"thoughtSignature":"Z2VtaW5p".*"thoughtSignature":"Y2FsbA=="/);
  });

  it("passes responses' input on without it", () => {
    const output = told('responses', 'gemini', GEMINI_ANSWER)['output'] as { type: string; call_id: string }[];
    const input = [{ role: 'user', content: 'Go.' }, ...output, { type: 'function_call_output', call_id: output[2]!.call_id, output: 'seen' }];
    const { body, ignored } = encoded('responses', 'openai', 'gpt-5.4', { model: 'm', input });
    expect(body['input']).toEqual([input[0], output[1], { ...output[2], call_id: 'fc1' }, { type: 'function_call_output', call_id: 'fc1', output: 'seen' }]);
    expect(ignored).toEqual(['input[1]', 'input[3].call_id']);
  });

  it('passes a chat on with ids that OpenAI takes', () => {
    const [choice] = told('chat.completions', 'gemini', GEMINI_ANSWER)['choices'] as { message: { tool_calls: { id: string }[] } }[];
    const messages = [{ role: 'user', content: 'Go.' }, choice!.message, { role: 'tool', tool_call_id: choice!.message.tool_calls[0]!.id, content: 'seen' }];
    const { body, ignored } = encoded('chat.completions', 'openai', 'gpt-5.4', { model: 'm', messages });
    expect(body).toMatchObject({ messages: [{}, { tool_calls: [{ id: 'fc1' }] }, { tool_call_id: 'fc1' }] });
    expect(ignored).toEqual(['messages[1].tool_calls[0].id']);
  });

  it("leaves thinking out of a translation by the client's own name, and says so once for a whole history", () => {
    const thinking = { type: 'thinking', thinking: 'Hm.', signature: 'EqQB' };
    const turn = [{ role: 'user', content: 'a' }, { role: 'assistant', content: [thinking, { type: 'text', text: 'b' }] }];
    const ask = { model: 'm', max_tokens: 100 };
    expect(encoded('messages', 'gemini', 'gemini-3-pro-preview', { ...ask, messages: [...turn, turn[0]] }).ignored).toEqual(['messages[1].content[0]']);
    const { ignored, text } = encoded('messages', 'gemini', 'gemini-3-pro-preview', { ...ask, messages: [...turn, ...turn, ...turn, turn[0]] });
    expect(ignored).toEqual(['messages[].content[]']);
    expect(text).not.toContain('EqQB');
  });
});

describe('a wire', () => {
  const ask = { model: 'm', max_tokens: 100, messages: [{ role: 'user', content: 'x' }] };

  it('leaves bytes as they are where nothing has to be changed', () => {
    const text = '{ "model":"claude-x",  "max_tokens":1e2,"messages":[{"role":"user","content":"__sig__ YXBleD"}] }';
    const result = wire('messages', 'anthropic').encode({ ...request('messages', ask), body: Buffer.from(text), call: { model: 'claude-x', stream: false, wantsUsageChunk: true, hasStreamOptions: false } }, { provider: provider('anthropic'), model: 'claude-x' });
    expect(result.ok && result.call.body.toString()).toBe(text);
  });

  it("refuses what cannot be translated by the client's own names", () => {
    const messages = [{ role: 'system', content: 's' }, { role: 'user', content: [{ type: 'text', text: 'x' }, { type: 'image_url', image_url: { url: 'https://a.example/b.png', detail: 'low' } }] }];
    const result = wire('chat.completions', 'anthropic').encode(request('chat.completions', { model: 'm', messages, seed: 7 }), { provider: provider('anthropic'), model: 'claude-sonnet-4-5' });
    expect(result).toMatchObject({ ok: false, refusal: { code: 'unsupported_by_provider', param: 'messages[1].content[1].image_url.detail' } });
    expect(!result.ok && result.refusal.message).toContain("'seed': sampling cannot be seeded");
  });

  it('does not tell of hints that are null', () => {
    expect(encoded('chat.completions', 'anthropic', 'claude-sonnet-4-5', { model: 'm', messages: ask.messages, store: null, metadata: { a: 'b' } }).ignored).toEqual(['metadata']);
  });

  it('takes the body as it was parsed before, and leaves it as it is', () => {
    const parsed = { ...ask, tools: [{ name: 'f', input_schema: { type: 'object' } }] };
    const before = structuredClone(parsed);
    for (const to of ['openai', 'gemini']) {
      const asked = { ...request('messages', ask, parsed), body: Buffer.from('not read') };
      expect(wire('messages', to).encode(asked, { provider: provider(to), model: 'm' })).toMatchObject({ ok: true });
    }
    expect(parsed).toEqual(before);
  });

  it('does not break where a schema nests deeper than anything can be written', () => {
    const deep = JSON.parse(`${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`) as object;
    const body = { model: 'm', messages: ask.messages, tools: [{ type: 'function', function: { name: 'f', parameters: {} } }] };
    for (const to of ['anthropic', 'gemini']) {
      const asked = request('chat.completions', body, { ...body, tools: [{ type: 'function', function: { name: 'f', parameters: deep } }] });
      expect(wire('chat.completions', to).encode(asked, { provider: provider(to), model: 'm' })).toMatchObject({ ok: false, refusal: { code: 'invalid_value', param: 'tools[0].function.parameters' } });
    }
    const input = { model: 'm', input: 'x', tools: [{ type: 'function', name: 'f', parameters: {} }] };
    const asked = request('responses', input, { ...input, tools: [{ type: 'function', name: 'f', parameters: deep }] });
    expect(wire('responses', 'gemini').encode(asked, { provider: provider('gemini'), model: 'm' })).toMatchObject({ ok: false, refusal: { param: 'tools[0].parameters' } });
  });
});
