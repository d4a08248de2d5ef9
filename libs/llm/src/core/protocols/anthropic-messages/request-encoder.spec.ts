import { type Conversation, type Tool, type Turn } from '../../dialogue/conversation.js';
import { NOTHING_SAID } from '../../dialogue/nothing-said.js';
import { EFFORT_BUDGETS } from './models.js';
import { defaultMaxTokens, encodeRequest } from './request-encoder.js';

const least: Conversation = { ...NOTHING_SAID, model: 'claude-opus-4-5', turns: [{ role: 'user', parts: [{ type: 'text', text: 'Hello' }] }], maxOutputTokens: 100 };
const tool: Tool = { name: 'f', description: null, parameters: null, strict: null };
const on = { enabled: true, effort: null, budgetTokens: null };
const user = (text: string) => ({ role: 'user' as const, parts: [{ type: 'text' as const, text }] });
const assistant = (text: string) => ({ role: 'assistant' as const, parts: [{ type: 'text' as const, text }] });
const system = (text: string) => ({ role: 'system' as const, parts: [{ type: 'text' as const, text }] });

function body(change: Partial<Conversation>): Readonly<Record<string, unknown>> {
  const result = encodeRequest({ ...least, ...change });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.value.body;
}

const problems = (change: Partial<Conversation>): string[] => {
  const result = encodeRequest({ ...least, ...change });
  return result.ok ? [] : result.problems.map(({ kind, param }) => `${kind} ${param}`);
};

describe('encodeRequest', () => {
  it('writes no more than was asked for', () => {
    expect(body({})).toEqual({ model: 'claude-opus-4-5', max_tokens: 100, messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }] });
  });

  it.each([
    ['claude-fable-5-1', 128_000],
    ['claude-opus-5-5', 128_000],
    ['claude-haiku-5-5', 128_000],
    ['claude-sonnet-4-6', 128_000],
    ['claude-opus-7', 128_000],
    ['claude-opus-4-5-20251101', 64_000],
    ['us.anthropic.claude-haiku-4-5-20251001-v1:0', 64_000],
    ['anthropic/claude-sonnet-4.5', 64_000],
    ['claude-sonnet-4@20250514', 64_000],
    ['claude-opus-4-20250514', 32_000],
    ['claude-3-7-sonnet-20250219', 64_000],
    ['claude-3-5-haiku-20241022', 8192],
    ['claude-3-haiku-20240307', 4096],
    ['deepseek-chat', 8192],
  ])('asks %s for as much as it writes where there is no limit', (model, max) => {
    expect(body({ model, maxOutputTokens: null })['max_tokens']).toBe(max);
    expect(defaultMaxTokens(model)).toBe(max);
  });

  it('joins turns of one role, puts results first, rewrites ids alike and leaves out empty text', () => {
    const turns: Conversation['turns'] = [
      system('You are X.'),
      user('a'),
      { role: 'assistant', parts: [{ type: 'text', text: '' }, { type: 'tool_call', id: 'functions.f:0', name: 'f', arguments: '{"n":12345678901234567890}', signature: 'from Gemini' }] },
      { role: 'assistant', parts: [{ type: 'tool_call', id: 'call_2', name: 'f', arguments: '' }] },
      user('b'),
      { role: 'user', parts: [{ type: 'tool_result', toolCallId: 'functions.f:0', content: [{ type: 'text', text: '' }], isError: false, cache: { ttl: '1h' } }] },
      { role: 'user', parts: [{ type: 'tool_result', toolCallId: 'call_2', content: [{ type: 'text', text: 'no' }], isError: true }] },
    ];
    const told = body({ system: [{ type: 'text', text: 'First.', cache: { ttl: null } }], turns });
    expect(JSON.parse(JSON.stringify(told))).toMatchObject({
      system: [{ type: 'text', text: 'First.', cache_control: { type: 'ephemeral' } }, { type: 'text', text: 'You are X.' }],
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'a' }] },
        { role: 'assistant', content: [{ type: 'tool_use', id: 'id_functions_2e_f_3a_0', name: 'f' }, { type: 'tool_use', id: 'call_2', name: 'f', input: {} }] },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'id_functions_2e_f_3a_0', cache_control: { type: 'ephemeral', ttl: '1h' } },
            { type: 'tool_result', tool_use_id: 'call_2', content: [{ type: 'text', text: 'no' }], is_error: true },
            { type: 'text', text: 'b' },
          ],
        },
      ],
    });
    expect(JSON.stringify(told)).toContain('"input":{"n":12345678901234567890}');
    expect(JSON.stringify(told)).not.toContain('Gemini');
  });

  it('says instructions in the middle where model and place allow it', () => {
    const turns = [user('a'), assistant('b'), user('c'), system('Be brief.'), assistant('d'), user('e')];
    expect(body({ model: 'claude-opus-4-8', turns })['messages']).toHaveLength(6);
    expect(problems({ model: 'claude-opus-4-7', turns })).toEqual(['inexpressible turns[3]']);
    expect(problems({ model: 'claude-opus-5', turns: [user('a'), assistant('b'), system('x'), user('c')] })).toEqual(['inexpressible turns[2]']);
    expect(problems({ model: 'claude-opus-5', turns: [user('a'), system('x'), user('c')] })).toEqual(['inexpressible turns[1]']);
    expect(problems({ model: 'claude-opus-5', turns: [user('a'), system('x'), system('y')] })).toEqual([]);
  });

  it('goes on from the assistant where the model does', () => {
    const turns = [user('a'), assistant('The answer is (')];
    expect(body({ turns })['messages']).toHaveLength(2);
    expect(problems({ model: 'claude-sonnet-4-6', turns })).toEqual(['inexpressible turns[1]']);
    expect(problems({ model: 'claude-mythos-preview', turns })).toEqual(['inexpressible turns[1]']);
  });

  it('says a refusal of the history as text', () => {
    expect(body({ turns: [user('a'), { role: 'assistant', parts: [{ type: 'refusal', text: 'No.' }] }, user('b')] })['messages']).toMatchObject([{}, { content: [{ type: 'text', text: 'No.' }] }, {}]);
  });

  it.each<[string, Conversation['reasoning'], number, unknown]>([
    ['claude-opus-5', { ...on, effort: 'xhigh' }, 4000, { thinking: { type: 'adaptive' }, output_config: { effort: 'xhigh' } }],
    ['claude-opus-4-6', { ...on, effort: 'max' }, 4000, { thinking: { type: 'adaptive' }, output_config: { effort: 'max' } }],
    ['claude-opus-4-6', { ...on, budgetTokens: 2000 }, 4000, { thinking: { type: 'enabled', budget_tokens: 2000 } }],
    ['claude-sonnet-4-5', { ...on, budgetTokens: 2000 }, 4000, { thinking: { type: 'enabled', budget_tokens: 2000 } }],
    ['claude-sonnet-4-5', { ...on, effort: 'minimal' }, 64_000, { thinking: { type: 'enabled', budget_tokens: EFFORT_BUDGETS.minimal } }],
    ['claude-sonnet-4-5', { ...on, effort: 'high' }, 64_000, { thinking: { type: 'enabled', budget_tokens: EFFORT_BUDGETS.high } }],
    ['claude-sonnet-4-5', { ...on, effort: 'high' }, 10_000, { thinking: { type: 'enabled', budget_tokens: 8000 } }],
    ['claude-haiku-4-5', on, 64_000, { thinking: { type: 'enabled', budget_tokens: EFFORT_BUDGETS.medium } }],
    ['claude-opus-5', on, 4000, { thinking: { type: 'adaptive' } }],
    ['claude-opus-5', { ...on, enabled: false }, 4000, { thinking: { type: 'disabled' } }],
    ['claude-3-haiku-20240307', { ...on, enabled: false }, 4000, {}],
    ['another-model', { ...on, budgetTokens: 2000 }, 4000, { thinking: { type: 'enabled', budget_tokens: 2000 } }],
  ])("puts reasoning in %s's form: %j within %i", (model, reasoning, maxOutputTokens, expected) => {
    const { thinking, output_config } = body({ model, reasoning, maxOutputTokens });
    expect({ ...(thinking === undefined ? {} : { thinking }), ...(output_config === undefined ? {} : { output_config }) }).toEqual(expected);
  });

  it.each<[string, string, Conversation['reasoning'], number]>([
    ['reasoning.budgetTokens', 'claude-opus-5', { ...on, budgetTokens: 2000 }, 4000],
    ['reasoning.budgetTokens', 'claude-opus-4-5', { ...on, budgetTokens: 1000 }, 4000],
    ['reasoning.budgetTokens', 'claude-opus-4-5', { ...on, budgetTokens: 4000 }, 4000],
    ['reasoning.effort', 'claude-opus-5', { ...on, effort: 'minimal' }, 4000],
    ['reasoning.effort', 'claude-opus-4-6', { ...on, effort: 'xhigh' }, 4000],
    ['reasoning', 'claude-opus-4-5', { ...on, effort: 'low' }, 1000],
    ['reasoning', 'claude-3-5-haiku-20241022', { ...on, effort: 'low' }, 4000],
    ['reasoning.enabled', 'claude-opus-5-5', { ...on, enabled: false }, 4000],
    ['reasoning.enabled', 'claude-fable-5', { ...on, enabled: false }, 4000],
  ])('refuses %s of %s', (param, model, reasoning, maxOutputTokens) => {
    expect(problems({ model, reasoning, maxOutputTokens })).toEqual([`inexpressible ${param}`]);
  });

  it('asks for JSON of a schema by its own means', () => {
    const schema = { type: 'object', properties: {} };
    expect(body({ output: { kind: 'json_schema', name: 'n', description: 'd', schema, strict: false } })).toMatchObject({ output_config: { format: { type: 'json_schema', schema: { ...schema, description: 'd' } } } });
    expect(problems({ output: { kind: 'json' } })).toEqual(['inexpressible output']);
    expect(problems({ model: 'claude-3-haiku-20240307', output: { kind: 'json_schema', name: null, description: null, schema, strict: null } })).toEqual(['inexpressible output']);
    expect(problems({ output: { kind: 'json_schema', name: null, description: 'd', schema: { description: 'e' }, strict: null } })).toEqual(['inexpressible output.description']);
  });

  it('writes tools with the schema that they need', () => {
    const tools = [tool, { name: 'g', description: 'G', parameters: { properties: { a: {} } }, strict: true, cache: { ttl: '5m' as const } }];
    expect(body({ tools, toolChoice: { kind: 'tool', name: 'g' }, parallelTools: false })).toMatchObject({
      tools: [{ name: 'f', input_schema: { type: 'object', properties: {} } }, { name: 'g', description: 'G', input_schema: { type: 'object', properties: { a: {} } }, strict: true, cache_control: { type: 'ephemeral', ttl: '5m' } }],
      tool_choice: { type: 'tool', name: 'g', disable_parallel_tool_use: true },
    });
    expect(body({ tools, toolChoice: { kind: 'required' } })['tool_choice']).toEqual({ type: 'any' });
    expect(body({ tools, parallelTools: true })['tool_choice']).toEqual({ type: 'auto', disable_parallel_tool_use: false });
    expect(body({ tools, toolChoice: { kind: 'none' }, parallelTools: true })['tool_choice']).toEqual({ type: 'none' });
    expect(body({ toolChoice: { kind: 'auto' }, parallelTools: true })).not.toHaveProperty('tool_choice');
  });

  it.each<[string, Partial<Conversation>]>([
    ['temperature', { temperature: 1.2 }],
    ['temperature', { model: 'claude-opus-4-7', temperature: 0.5 }],
    ['temperature', { model: 'claude-opus-4-7', temperature: 1.5 }],
    ['topP', { model: 'claude-sonnet-5', topP: 0.9 }],
    ['topK', { model: 'claude-sonnet-5', topK: 40 }],
    ['temperature', { maxOutputTokens: 4000, temperature: 0, reasoning: on }],
    ['topP', { maxOutputTokens: 4000, topP: 0.9, reasoning: on }],
    ['toolChoice', { maxOutputTokens: 4000, tools: [tool], toolChoice: { kind: 'required' }, reasoning: on }],
    ['toolChoice', { model: 'claude-opus-5-5', tools: [tool], toolChoice: { kind: 'tool', name: 'f' } }],
    ['toolChoice', { toolChoice: { kind: 'required' } }],
    ['tools[0].name', { tools: [{ ...tool, name: 'a.b' }] }],
    ['seed', { seed: 1 }],
    ['presencePenalty', { presencePenalty: 0.5 }],
    ['frequencyPenalty', { frequencyPenalty: -1 }],
    ['candidates', { candidates: 2 }],
    ['logprobs', { logprobs: { top: 0 } }],
    ['stop[1]', { stop: ['END', '\n'] }],
    ['turns', { turns: [] }],
    ['turns', { turns: [system('x')] }],
    ['turns[0]', { turns: [user('')] }],
    ['turns[0].parts[0].detail', { turns: [{ role: 'user', parts: [{ type: 'image', source: { kind: 'url', url: 'https://a.example' }, detail: 'low' }] }] }],
    ['turns[0].parts[0].source.url', { turns: [{ role: 'user', parts: [{ type: 'image', source: { kind: 'url', url: 'gs://a/b' }, detail: null }] }] }],
    ['turns[0].parts[0].source.mediaType', { turns: [{ role: 'user', parts: [{ type: 'image', source: { kind: 'base64', mediaType: 'image/tiff', data: '' }, detail: 'high' }] }] }],
    ['turns[0].parts[0].source.mediaType', { turns: [{ role: 'user', parts: [{ type: 'document', source: { kind: 'base64', mediaType: 'text/csv', data: '' }, name: null }] }] }],
    ['turns[0].parts[0].content[0].source.mediaType', { turns: [{ role: 'user', parts: [{ type: 'tool_result', toolCallId: 't', isError: false, content: [{ type: 'image', source: { kind: 'base64', mediaType: 'x/y', data: '' }, detail: null }] }] }] }],
    ['turns[0].parts[0].arguments', { turns: [{ role: 'assistant', parts: [{ type: 'tool_call', id: 't', name: 'f', arguments: '{"a' }] }, user('a')] }],
  ])('refuses %s by its name: %j', (param, change) => {
    expect(problems(change)).toEqual([`inexpressible ${param}`]);
  });

  it('tells what it left out since it changes nothing', () => {
    const hints = (change: Partial<Conversation>): unknown => {
      const result = encodeRequest({ ...least, ...change });
      return result.ok && result.value.ignoredHints;
    };
    expect(hints({ tools: [tool], toolChoice: { kind: 'auto' }, parallelTools: true, output: { kind: 'json_schema', name: null, description: 'd', schema: {}, strict: null } })).toEqual([]);
    expect(hints({ toolChoice: { kind: 'auto' }, parallelTools: true, output: { kind: 'json_schema', name: 'n', description: null, schema: {}, strict: null } })).toEqual(['toolChoice', 'parallelTools', 'output.name']);
    expect(hints({ tools: [tool], toolChoice: { kind: 'none' }, parallelTools: true, turns: [{ role: 'assistant', parts: [{ type: 'tool_call', id: 't', name: 'f', arguments: '', signature: 's' }] }] })).toEqual(['turns[0].parts[0].signature', 'parallelTools']);
  });

  it('does not ask for thinking by a budget in the middle of a turn that began without, and says so', () => {
    const reasoning = { enabled: true, effort: 'low' as const, budgetTokens: null };
    const call: Turn = { role: 'assistant', parts: [{ type: 'tool_call', id: 't', name: 'f', arguments: '{}' }] };
    const result: Turn = { role: 'user', parts: [{ type: 'tool_result', toolCallId: 't', content: [], isError: false }] };
    const signed: Turn = { role: 'assistant', parts: [{ type: 'thinking', text: 'Hm.', signature: { by: 'anthropic-messages', value: 's' } }, ...call.parts] };
    const ask = (model: string, turns: readonly Turn[]): unknown => {
      const encoded = encodeRequest({ ...least, model, tools: [tool], turns, reasoning, maxOutputTokens: 10_000 });
      return encoded.ok && [encoded.value.body['thinking'], encoded.value.ignoredHints];
    };
    const budget = { type: 'enabled', budget_tokens: 2048 };
    expect(ask('claude-opus-4-5', [user('a'), call, result])).toEqual([undefined, ['reasoning']]);
    expect(ask('claude-opus-4-5', [user('a'), signed, result])).toEqual([budget, []]);
    expect(ask('claude-opus-4-5', [user('a'), call, result, { role: 'assistant', parts: [{ type: 'text', text: 'b' }] }, user('c')])).toEqual([budget, []]);
    expect(ask('claude-opus-4-8', [user('a'), call, result])).toEqual([{ type: 'adaptive' }, []]);
  });

  it('takes what asks for the default', () => {
    expect(body({ model: 'claude-opus-5', temperature: 1, topP: 1, presencePenalty: 0, frequencyPenalty: 0, candidates: 1 })).toMatchObject({ temperature: 1, top_p: 1 });
  });
});
