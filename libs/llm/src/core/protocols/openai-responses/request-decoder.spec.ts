import fc from 'fast-check';
import { mutated } from '../../dialogue/dialogue.fakes.js';
import { decoded, EMPTY, full, minimal } from './bodies.fakes.js';
import { IGNORED_HINTS, openAiResponsesCodec as codec } from './index.js';

const problems = (body: unknown): string[] => {
  const result = codec.decodeRequest(body);
  return result.ok ? [] : result.problems.map(({ kind, param }) => `${kind} ${param}`);
};

describe('decodeRequest', () => {
  it('reads a text', () => {
    expect(decoded(minimal)).toEqual(EMPTY);
  });

  it('reads everything that can be carried over', () => {
    expect(decoded(full)).toEqual({
      ...EMPTY,
      system: [{ type: 'text', text: 'Be brief.' }, { type: 'text', text: 'In English.' }, { type: 'text', text: 'Politely.' }],
      turns: [
        {
          role: 'user',
          parts: [
            { type: 'text', text: 'What is this?' },
            { type: 'image', source: { kind: 'url', url: 'https://example.com/a.png' }, detail: 'low' },
            { type: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'iVBORw==' }, detail: null },
            { type: 'document', source: { kind: 'base64', mediaType: 'application/pdf', data: 'JVBERg==' }, name: 'a.pdf' },
            { type: 'document', source: { kind: 'url', url: 'https://example.com/b.pdf' }, name: null },
            { type: 'document', source: { kind: 'text', text: 'é' }, name: 'c.txt' },
          ],
        },
        {
          role: 'assistant',
          parts: [
            { type: 'thinking', text: 'First.\n\nThen.', signature: { by: 'openai-responses', value: 'gAAA' } },
            { type: 'text', text: 'Let me look.' },
            { type: 'tool_call', id: 'call_1', name: 'look', arguments: '{"at":1}' },
            { type: 'tool_call', id: 'call_2', name: 'look', arguments: '{"at":2}' },
          ],
        },
        {
          role: 'user',
          parts: [
            { type: 'tool_result', toolCallId: 'call_1', content: [{ type: 'text', text: 'a cat' }], isError: false },
            { type: 'tool_result', toolCallId: 'call_2', content: [{ type: 'text', text: 'see' }, { type: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'iVBORw==' }, detail: null }], isError: false },
          ],
        },
        { role: 'assistant', parts: [{ type: 'redacted_thinking', data: { by: 'openai-responses', value: 'gBBB' } }, { type: 'text', text: 'A cat.' }, { type: 'refusal', text: 'No more.' }] },
        { role: 'system', parts: [{ type: 'text', text: 'Now in French.' }] },
        { role: 'user', parts: [{ type: 'text', text: 'And now?' }] },
      ],
      tools: [
        { name: 'look', description: 'Looks.', parameters: { type: 'object', properties: { at: { type: 'integer' } } }, strict: true },
        { name: 'stop', description: null, parameters: null, strict: false },
      ],
      toolChoice: { kind: 'tool', name: 'look' },
      parallelTools: false,
      maxOutputTokens: 100,
      temperature: 0.5,
      topP: 0.9,
      output: { kind: 'json_schema', name: 'answer', description: 'The answer.', schema: { type: 'object' }, strict: true },
      reasoning: { enabled: true, effort: 'high', budgetTokens: null },
      endUser: 'user-1',
      stream: true,
    });
  });

  it('loses nothing: whatever is taken out of a body changes what is read, but for hints and what the server itself said', () => {
    const whole = JSON.stringify(decoded(full));
    const silent = [...IGNORED_HINTS, 'input[].id', 'input[].status', 'input[].type', 'input[].content[].annotations', 'input[].content[].logprobs', 'text.verbosity', 'include', 'include[]', 'truncation', 'background'];
    const lost = places(full).filter(({ path, without }) => {
      const result = codec.decodeRequest(without);
      return result.ok && JSON.stringify(result.value) === whole && !silent.some((name) => path === name || path.startsWith(`${name}.`));
    });
    expect(lost.map(({ path }) => path)).toEqual([]);
  });

  it('refuses a member that it does not know, wherever it is', () => {
    const open = /^(?:metadata|tools\[\]\.parameters|text\.format\.schema|input\[\]\.content\[\]\.(?:prompt_cache_breakpoint|logprobs))(?:\.|$)/;
    for (const { path, put } of holders(full)) {
      if (open.test(path)) continue;
      const found = problems(put('unheard_of', 1));
      expect(found.some((problem) => problem.startsWith('inexpressible') && problem.endsWith('unheard_of'))).toBe(true);
    }
  });

  it.each<[string, object, string]>([
    ['previous_response_id', { previous_response_id: 'resp_1' }, 'inexpressible previous_response_id'],
    ['conversation', { conversation: { id: 'conv_1' } }, 'inexpressible conversation'],
    ['background', { background: true }, 'inexpressible background'],
    ['prompt templates', { prompt: { id: 'pmpt_1' } }, 'inexpressible prompt'],
    ['truncation', { truncation: 'auto' }, 'inexpressible truncation'],
    ['verbosity', { text: { verbosity: 'low' } }, 'inexpressible text.verbosity'],
    ['a service tier', { service_tier: 'priority' }, 'inexpressible service_tier'],
    ['moderation', { moderation: { model: 'omni-moderation-latest' } }, 'inexpressible moderation'],
    ['context management', { context_management: [{ type: 'compaction' }] }, 'inexpressible context_management'],
    ['log probabilities', { include: ['message.output_text.logprobs'], top_logprobs: 5 }, 'inexpressible top_logprobs'],
    ['included results', { include: ['file_search_call.results'] }, 'inexpressible include[0]'],
    ['prewarming', { prompt_cache_options: { prewarm: true } }, 'inexpressible prompt_cache_options.prewarm'],
    ['pro mode', { reasoning: { mode: 'pro' } }, 'inexpressible reasoning.mode'],
    ['two end users', { user: 'a', safety_identifier: 'b' }, 'inexpressible user'],
    ...['web_search', 'file_search', 'computer', 'mcp', 'code_interpreter', 'image_generation', 'custom', 'shell', 'namespace'].map((type) => [`the tool ${type}`, { tools: [{ type, name: 'x' }] }, 'inexpressible tools[0].type'] as [string, object, string]),
    ['deferred tools', { tools: [{ type: 'function', name: 'x', parameters: {}, defer_loading: true }] }, 'inexpressible tools[0].defer_loading'],
    ['allowed tools', { tool_choice: { type: 'allowed_tools', mode: 'auto', tools: [] } }, 'inexpressible tool_choice.type'],
    ['an item reference', { input: [{ type: 'item_reference', id: 'msg_1' }] }, 'inexpressible input[0]'],
    ['an item reference without type', { input: [{ id: 'msg_1' }] }, 'inexpressible input[0]'],
    ...['web_search_call', 'computer_call_output', 'compaction', 'configuration_update', 'custom_tool_call', 'mcp_call', 'additional_tools'].map((type) => [`the item ${type}`, { input: [{ type }] }, 'inexpressible input[0].type'] as [string, object, string]),
    ['reasoning that is stored elsewhere', { input: [{ type: 'reasoning', id: 'rs_1', summary: [] }] }, 'inexpressible input[0]'],
    ['an image by id', { input: [{ role: 'user', content: [{ type: 'input_image', file_id: 'file-1', detail: 'auto' }] }] }, 'inexpressible input[0].content[0].file_id'],
    ['an image in its original size', { input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'https://a.b/c', detail: 'original' }] }] }, 'inexpressible input[0].content[0].detail'],
    ['a file by id', { input: [{ role: 'user', content: [{ type: 'input_file', file_id: 'file-1' }] }] }, 'inexpressible input[0].content[0].file_id'],
    ['audio', { input: [{ role: 'user', content: [{ type: 'input_audio', input_audio: {} }] }] }, 'inexpressible input[0].content[0].type'],
    ['citations', { input: [{ role: 'assistant', content: [{ type: 'output_text', text: 'x', annotations: [{ type: 'url_citation' }] }] }] }, 'inexpressible input[0].content[0].annotations'],
    ['a call of a namespace', { input: [{ type: 'function_call', call_id: 'c', name: 'f', arguments: '{}', namespace: 'n' }] }, 'inexpressible input[0].namespace'],
  ])('refuses %s by name', (_what, members, problem) => {
    expect(problems({ ...minimal, ...members })).toContain(problem);
  });

  it.each([
    ['no body', null, 'invalid '],
    ['no model', { input: 'x' }, 'invalid model'],
    ['no input', { model: 'm' }, 'invalid input'],
    ['an empty input', { model: 'm', input: [] }, 'invalid input'],
    ['a wrong type', { ...minimal, temperature: 'hot' }, 'invalid temperature'],
    ['a wrong role', { ...minimal, input: [{ role: 'tool', content: 'x' }] }, 'invalid input[0].role'],
    ['an item that is none', { ...minimal, input: [1] }, 'invalid input[0]'],
    ['a call without id', { ...minimal, input: [{ type: 'function_call', name: 'f', arguments: '{}' }] }, 'invalid input[0].call_id'],
    ['an image without address', { ...minimal, input: [{ role: 'user', content: [{ type: 'input_image' }] }] }, 'invalid input[0].content[0].image_url'],
    ['a data URL that is not base64', { ...minimal, input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'data:image/svg+xml,<svg/>' }] }] }, 'invalid input[0].content[0].image_url'],
    ['a file of no kind', { ...minimal, input: [{ role: 'user', content: [{ type: 'input_file', file_data: 'AAAA' }] }] }, 'invalid input[0].content[0].file_data'],
    ['an unknown tool choice', { ...minimal, tool_choice: 'any' }, 'invalid tool_choice'],
    ['a schema without name', { ...minimal, text: { format: { type: 'json_schema', schema: {} } } }, 'invalid text.format.name'],
  ])('tells that %s is invalid', (_what, body, problem) => {
    expect(problems(body)).toContain(problem);
  });

  it('tells of every problem at once', () => {
    expect(problems({ ...minimal, background: true, tools: [{ type: 'web_search' }, { type: 'function' }], input: [{ role: 'nobody' }, { id: 'x' }] })).toEqual(['inexpressible background']);
    expect(problems({ ...minimal, tools: [{ type: 'web_search' }, { type: 'function' }], input: [{ role: 'nobody' }, { id: 'x' }] })).toEqual(['invalid input[0].role', 'inexpressible input[1]', 'inexpressible tools[0].type', 'invalid tools[1].name']);
  });

  it('takes thinking back whose text was kept from the client, though the client leaves out empty summaries', () => {
    const answer = codec.encodeAnswer({ id: 'x', model: 'm', created: 1, usage: null, candidates: [{ index: 0, stop: 'stop', stopSequence: null, parts: [{ type: 'thinking', text: '', signature: { by: 'openai-responses', value: 'sig' } }, { type: 'redacted_thinking', data: { by: 'openai-responses', value: 'data' } }] }] });
    expect(decoded({ ...minimal, input: answer['output'] }).turns).toEqual([{ role: 'assistant', parts: [{ type: 'thinking', text: '', signature: { by: 'openai-responses', value: 'sig' } }, { type: 'redacted_thinking', data: { by: 'openai-responses', value: 'data' } }] }]);
  });

  it("takes back what OpenAI's SDK adds to the items that it parses", () => {
    const call = { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' };
    const said = { type: 'output_text', text: '{}', annotations: [] };
    const input = (more: object) => ({ ...minimal, input: [{ role: 'user', content: 'Hi.' }, { ...call, ...('parsed' in more ? { parsed_arguments: more.parsed } : {}) }, { role: 'assistant', content: [{ ...said, ...more }] }] });
    expect(decoded(input({ parsed: null }))).toEqual(decoded(input({})));
    expect(decoded(input({ parsed: {} }))).toEqual(decoded(input({})));
  });

  it("takes a provider's signature over a call back, which travels in the call's id", () => {
    const call = { type: 'tool_call' as const, id: 'call_1', name: 'f', arguments: '{}', signature: 'a/b+c==' };
    const answer = codec.encodeAnswer({ id: 'x', model: 'm', created: 1, usage: null, candidates: [{ index: 0, stop: 'tool_calls', stopSequence: null, parts: [call] }] });
    const [item] = answer['output'] as { call_id: string }[];
    const { turns } = decoded({ ...minimal, input: [item, { type: 'function_call_output', call_id: item?.call_id, output: '1' }] });
    expect(turns).toEqual([{ role: 'assistant', parts: [call] }, { role: 'user', parts: [{ type: 'tool_result', toolCallId: 'call_1', content: [{ type: 'text', text: '1' }], isError: false }] }]);
  });
});

describe('bodies that are broken', () => {
  it('are told as such, and never throw', () => {
    let refusedBodies = 0;
    fc.assert(
      fc.property(mutated(full), (body) => {
        const result = codec.decodeRequest(body);
        if (!result.ok) {
          refusedBodies += 1;
          for (const problem of result.problems) expect(problem).toEqual({ kind: expect.stringMatching(/^(?:invalid|inexpressible)$/), param: expect.any(String), why: expect.stringMatching(/./) });
        } else expect(typeof codec.encodeRequest(result.value).ok).toBe('boolean');
      }),
      { numRuns: 3000 },
    );
    expect(refusedBodies).toBeGreaterThan(1000);
  });

  it('in great numbers of items take no more than their own time', () => {
    const input = Array.from({ length: 60_000 }, (_, index) => ({ type: 'function_call', call_id: `c${index}`, name: 'f', arguments: '{}' }));
    expect(decoded({ ...minimal, input }).turns).toHaveLength(1);
  });
});

type Holder = Record<string, unknown>;

/** Every object within a body, with a way to put a member into it. */
function holders(body: object): { path: string; put: (key: string, value: unknown) => unknown }[] {
  const found: { path: string; put: (key: string, value: unknown) => unknown }[] = [];
  const walk = (value: unknown, path: string, keys: readonly (string | number)[]): void => {
    if (typeof value !== 'object' || value === null) return;
    if (!Array.isArray(value)) {
      found.push({
        path,
        put: (key, put) => {
          const copy = structuredClone(body) as Holder;
          const holder = keys.reduce<Holder>((at, step) => at[step] as Holder, copy);
          holder[key] = put;
          return copy;
        },
      });
    }
    for (const [key, inner] of Object.entries(value)) walk(inner, Array.isArray(value) ? `${path}[]` : path === '' ? key : `${path}.${key}`, [...keys, key]);
  };
  walk(body, '', []);
  return found;
}

/** Every member and element of a body, and the body without it. */
function places(body: object): { path: string; without: unknown }[] {
  const found: { path: string; without: unknown }[] = [];
  const walk = (value: unknown, path: string, keys: readonly string[]): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      const copy = structuredClone(body) as Holder;
      const holder = keys.reduce<Holder>((at, step) => at[step] as Holder, copy);
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else delete holder[key];
      const here = Array.isArray(value) ? `${path}[]` : path === '' ? key : `${path}.${key}`;
      found.push({ path: here, without: copy });
      walk(inner, here, [...keys, key]);
    }
  };
  walk(body, '', []);
  return found;
}
