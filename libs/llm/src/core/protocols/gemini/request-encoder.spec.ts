import { type Conversation, type Turn } from '../../dialogue/conversation.js';
import { NOTHING_SAID } from '../../dialogue/nothing-said.js';
import { geminiCodec } from './index.js';

const EMPTY: Conversation = { ...NOTHING_SAID, model: 'gemini-2.5-flash', turns: [{ role: 'user', parts: [{ type: 'text', text: 'Hi' }] }] };
const TOOL = { name: 'look', description: null, parameters: null, strict: null };

function encode(changes: Partial<Conversation>): Record<string, unknown> {
  const encoded = geminiCodec.encodeRequest({ ...EMPTY, ...changes });
  if (!encoded.ok) throw new Error(JSON.stringify(encoded.problems));
  return encoded.value.body;
}

const refused = (changes: Partial<Conversation>): unknown => {
  const encoded = geminiCodec.encodeRequest({ ...EMPTY, ...changes });
  return encoded.ok ? [] : encoded.problems.map(({ kind, param }) => `${kind} ${param}`);
};

const call = (id: string, name = 'look', args = '{}'): Turn => ({ role: 'assistant', parts: [{ type: 'tool_call', id, name, arguments: args }] });

describe("Gemini's requests, written", () => {
  it('says no more than was asked for', () => {
    expect(geminiCodec.encodeRequest(EMPTY)).toEqual({ ok: true, value: { body: { contents: [{ role: 'user', parts: [{ text: 'Hi' }] }] } } });
  });

  it('gives the results of parallel calls together, by name, in the order of the calls', () => {
    const turns: Turn[] = [
      { role: 'assistant', parts: [{ type: 'tool_call', id: 'a', name: 'look', arguments: '{"at":1}' }, { type: 'tool_call', id: 'b', name: 'hear', arguments: '' }] },
      { role: 'user', parts: [{ type: 'tool_result', toolCallId: 'b', content: [{ type: 'text', text: '{"sound":"boo"}' }], isError: false }] },
      { role: 'user', parts: [{ type: 'tool_result', toolCallId: 'a', content: [{ type: 'text', text: 'blind' }], isError: true }, { type: 'text', text: 'Well?' }] },
    ];
    expect(encode({ turns })['contents']).toEqual([
      { role: 'model', parts: [{ functionCall: { id: 'a', name: 'look', args: { at: 1 } } }, { functionCall: { id: 'b', name: 'hear', args: {} } }] },
      {
        role: 'user',
        parts: [
          { functionResponse: { id: 'a', name: 'look', response: { error: 'blind' } } },
          { functionResponse: { id: 'b', name: 'hear', response: { output: '{"sound":"boo"}' } } },
          { text: 'Well?' },
        ],
      },
    ]);
  });

  it('matches a result with the latest call of its id', () => {
    const turns: Turn[] = [call('x', 'look'), { role: 'user', parts: [{ type: 'text', text: 'again' }] }, call('x', 'hear'), { role: 'user', parts: [{ type: 'tool_result', toolCallId: 'x', content: [], isError: false }] }];
    expect(encode({ turns })['contents']).toHaveProperty([3], { role: 'user', parts: [{ functionResponse: { id: 'x', name: 'hear', response: {} } }] });
  });

  it('puts images of tool results into the response, in their place where they stand between texts', () => {
    const image = { type: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'iVBO' }, detail: null } as const;
    const result = (content: Extract<Turn, { role: 'user' }>['parts'][number] & { type: 'tool_result' }): unknown => {
      const [, answer] = encode({ turns: [call('a'), { role: 'user', parts: [content] }] })['contents'] as { parts: { functionResponse: unknown }[] }[];
      return answer?.parts[0]?.functionResponse;
    };
    expect(result({ type: 'tool_result', toolCallId: 'a', content: [{ type: 'text', text: 'here' }, image], isError: false })).toEqual({
      id: 'a', name: 'look', response: { output: 'here' }, parts: [{ inlineData: { mimeType: 'image/png', data: 'iVBO' } }],
    });
    expect(result({ type: 'tool_result', toolCallId: 'a', content: [image, { type: 'text', text: 'that was' }, image], isError: true })).toEqual({
      id: 'a', name: 'look', response: { error: [{ $ref: 'part_0' }, 'that was', { $ref: 'part_1' }] },
      parts: [{ inlineData: { mimeType: 'image/png', data: 'iVBO', displayName: 'part_0' } }, { inlineData: { mimeType: 'image/png', data: 'iVBO', displayName: 'part_1' } }],
    });
  });

  it("stands in for a signature that is missing on a step's first call, for the models that want one", () => {
    const signed: Turn = { role: 'assistant', parts: [{ type: 'tool_call', id: 'b', name: 'look', arguments: '{}', signature: 'real' }] };
    const bare: Turn = { role: 'assistant', parts: [{ type: 'text', text: 'Hm' }, { type: 'tool_call', id: 'c', name: 'look', arguments: '{}' }, { type: 'tool_call', id: 'd', name: 'look', arguments: '{}' }] };
    const between: Turn = { role: 'user', parts: [{ type: 'text', text: 'and?' }] };
    const signatures = (model: string): unknown => (encode({ model, turns: [signed, between, bare] })['contents'] as { parts: { thoughtSignature?: string }[] }[]).map(({ parts }) => parts.map((part) => part.thoughtSignature));
    const stoodIn = [['real'], [undefined], [undefined, 'skip_thought_signature_validator', undefined]];
    const asTheyAre = [['real'], [undefined], [undefined, undefined, undefined]];
    for (const model of ['gemini-3-pro-preview', 'gemini-3.8-flash', 'models/gemini-4-argon', 'google/gemini-flash-latest']) expect(signatures(model)).toEqual(stoodIn);
    for (const model of ['gemini-2.5-pro', 'gemini-2.0-flash', 'gemini-1.5-pro-002', 'gemini-pro', 'gemma-3-27b-it', 'my-model']) expect(signatures(model)).toEqual(asTheyAre);
  });

  it.each<[string, Conversation['reasoning'], string, unknown]>([
    ['nothing', null, 'gemini-3.8-flash', undefined],
    ['off', { enabled: false, effort: null, budgetTokens: null }, 'gemini-3.8-flash', { thinkingBudget: 0 }],
    ['on', { enabled: true, effort: null, budgetTokens: null }, 'gemini-3.8-flash', { includeThoughts: true }],
    ['on', { enabled: true, effort: null, budgetTokens: null }, 'gemini-2.5-flash', { thinkingBudget: -1, includeThoughts: true }],
    ['minimal', { enabled: true, effort: 'minimal', budgetTokens: null }, 'gemini-3.8-flash', { thinkingLevel: 'MINIMAL', includeThoughts: true }],
    ['xhigh', { enabled: true, effort: 'xhigh', budgetTokens: null }, 'gemini-4-hydrogen', { thinkingLevel: 'XHIGH', includeThoughts: true }],
    ['minimal', { enabled: true, effort: 'minimal', budgetTokens: null }, 'gemini-2.5-pro', { thinkingBudget: 1_024, includeThoughts: true }],
    ['low', { enabled: true, effort: 'low', budgetTokens: null }, 'gemini-2.5-pro', { thinkingBudget: 1_024, includeThoughts: true }],
    ['medium', { enabled: true, effort: 'medium', budgetTokens: null }, 'gemini-2.5-pro', { thinkingBudget: 8_192, includeThoughts: true }],
    ['high', { enabled: true, effort: 'high', budgetTokens: null }, 'gemini-2.5-pro', { thinkingBudget: 24_576, includeThoughts: true }],
    ['a budget', { enabled: true, effort: null, budgetTokens: 2_000 }, 'gemini-3.8-flash', { thinkingBudget: 2_000, includeThoughts: true }],
  ])('asks for reasoning: %s, %j of %s', (_name, reasoning, model, config) => {
    expect(encode({ reasoning, model })['generationConfig']).toEqual(config === undefined ? undefined : { thinkingConfig: config });
  });

  it.each<[Conversation['toolChoice'], boolean | null, unknown]>([
    [null, null, undefined],
    [null, true, { mode: 'VALIDATED' }],
    [{ kind: 'auto' }, false, { mode: 'AUTO' }],
    [{ kind: 'auto' }, true, { mode: 'VALIDATED' }],
    [{ kind: 'none' }, null, { mode: 'NONE' }],
    [{ kind: 'required' }, true, { mode: 'ANY' }],
    [{ kind: 'tool', name: 'look' }, null, { mode: 'ANY', allowedFunctionNames: ['look'] }],
  ])('chooses tools: %j, strict: %j', (toolChoice, strict, functionCallingConfig) => {
    expect(encode({ toolChoice, tools: [{ ...TOOL, strict }] })['toolConfig']).toEqual(functionCallingConfig === undefined ? undefined : { functionCallingConfig });
  });

  it('passes a schema that is advice as it is, and holds a strict one to what Gemini keeps', () => {
    const schema = { $schema: 'x', type: 'object', properties: { kind: { const: 'a' }, n: { type: 'integer', exclusiveMinimum: 0, default: 1 }, list: { items: { allOf: [] } } }, $defs: { s: { pattern: '^a' } } };
    expect(encode({ tools: [{ ...TOOL, parameters: schema }] })['tools']).toEqual([{ functionDeclarations: [{ name: 'look', parametersJsonSchema: schema }] }]);
    const unenforced = ['properties.n.exclusiveMinimum', 'properties.list.items.allOf', '$defs.s.pattern'];
    expect(refused({ tools: [{ ...TOOL, strict: true, parameters: schema }] })).toEqual(unenforced.map((where) => `inexpressible tools[0].parameters.${where}`));
    expect(refused({ output: { kind: 'json_schema', name: null, description: null, schema, strict: true } })).toEqual(unenforced.map((where) => `inexpressible output.schema.${where}`));
    expect(encode({ output: { kind: 'json_schema', name: 'n', description: 'd', schema: { type: 'object', properties: { kind: { const: 'a' } } }, strict: true } })['generationConfig']).toEqual({
      responseMimeType: 'application/json',
      responseJsonSchema: { title: 'n', description: 'd', type: 'object', properties: { kind: { enum: ['a'] } } },
    });
  });

  it('does not trip over a schema without end', () => {
    let schema: Record<string, unknown> = {};
    for (let depth = 0; depth < 50_000; depth += 1) schema = { items: schema };
    expect(refused({ tools: [{ ...TOOL, strict: true, parameters: schema }] })).toHaveLength(1);
    expect(refused({ tools: [{ ...TOOL, parameters: schema }] })).toEqual([]);
  });

  it.each<[string, Partial<Conversation>]>([
    ['parallelTools', { parallelTools: false }],
    ['turns[0]', { turns: [{ role: 'system', parts: [{ type: 'text', text: 'x' }] }, ...EMPTY.turns] }],
    ['turns', { turns: [] }],
    ['turns[0].parts[0].toolCallId', { turns: [{ role: 'user', parts: [{ type: 'tool_result', toolCallId: 'a', content: [], isError: false }, { type: 'text', text: 'x' }] }] }],
    ['turns[0].parts[0].arguments', { turns: [call('a', 'look', '{"a":')] }],
    ['turns[0].parts[0].arguments', { turns: [call('a', 'look', '[1]')] }],
    ['turns[0].parts[0].arguments', { turns: [call('a', 'look', '{"id":12345678901234567890}')] }],
    ['turns[0].parts[0].arguments', { turns: [call('a', 'look', `{"a":${'['.repeat(9_000)}${']'.repeat(9_000)}}`)] }],
    ['turns[0].parts[0].source.url', { turns: [{ role: 'user', parts: [{ type: 'image', source: { kind: 'url', url: 'ftp://a/b.png' }, detail: null }] }] }],
    ['tools[0].name', { tools: [{ ...TOOL, name: '1st' }] }],
    ['stop', { stop: ['1', '2', '3', '4', '5', '6'] }],
    ['seed', { seed: 2 ** 31 }],
    ['logprobs', { logprobs: { top: 0 } }],
    ['reasoning.effort', { reasoning: { enabled: true, effort: 'xhigh', budgetTokens: null } }],
    ['reasoning.effort', { model: 'gemini-4-hydrogen', reasoning: { enabled: true, effort: 'max', budgetTokens: null } }],
    ['output.description', { output: { kind: 'json_schema', name: null, description: 'a', schema: { description: 'b' }, strict: null } }],
  ])('refuses %s by its name', (param, changes) => {
    expect(refused(changes)).toEqual([`inexpressible ${param}`]);
  });

  it('keeps whole numbers of any length that a double holds, and text that looks like one', () => {
    const args = '{"at":1790000000000,"big":100000000000000000000,"id":"12345678901234567890"}';
    expect(encode({ turns: [call('a', 'look', args)] })['contents']).toHaveProperty([0, 'parts', 0, 'functionCall', 'args'], JSON.parse(args));
  });

  it('tells what it passes over', () => {
    const hinted: Partial<Conversation> = {
      endUser: 'u',
      turns: [{ role: 'user', parts: [{ type: 'text', text: 'Hi', cache: { ttl: null } }] }],
      output: { kind: 'json_schema', name: 'n', description: null, schema: { title: 't' }, strict: null },
    };
    expect(geminiCodec.encodeRequest({ ...EMPTY, ...hinted })).toEqual({
      ok: true,
      value: { ignoredHints: ['cache', 'endUser', 'output.name'], body: { contents: [{ role: 'user', parts: [{ text: 'Hi' }] }], generationConfig: { responseMimeType: 'application/json', responseJsonSchema: { title: 't' } } } },
    });
  });

  it('tells types of URLs by their endings, and leaves an image without one to Gemini', () => {
    const url = (type: 'image' | 'document', at: string): unknown => {
      const source = { kind: 'url', url: at } as const;
      const part = type === 'image' ? ({ type, source, detail: 'auto' } as const) : ({ type, source, name: null } as const);
      return (encode({ turns: [{ role: 'user', parts: [part] }] })['contents'] as { parts: unknown[] }[])[0]?.parts[0];
    };
    expect(url('image', 'https://a.b/c.JPEG?x=1')).toEqual({ fileData: { fileUri: 'https://a.b/c.JPEG?x=1', mimeType: 'image/jpeg' } });
    expect(url('image', 'https://photos.png/c')).toEqual({ fileData: { fileUri: 'https://photos.png/c' } });
    expect(url('image', 'https://a.b/c?f=x.md')).toEqual({ fileData: { fileUri: 'https://a.b/c?f=x.md' } });
    expect(url('image', 'https://a.b/c.md#x')).toEqual({ fileData: { fileUri: 'https://a.b/c.md#x', mimeType: 'image/jpeg' } });
    expect(url('document', 'https://a.b/c.png')).toEqual({ fileData: { fileUri: 'https://a.b/c.png', mimeType: 'application/pdf' } });
    expect(url('document', 'https://a.b/c')).toEqual({ fileData: { fileUri: 'https://a.b/c', mimeType: 'application/pdf' } });
    expect(url('document', 'https://a.b/c.csv')).toEqual({ fileData: { fileUri: 'https://a.b/c.csv', mimeType: 'text/csv' } });
  });
});
