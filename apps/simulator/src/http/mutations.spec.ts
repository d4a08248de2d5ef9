import fc from 'fast-check';
import { Bench } from '../spec-support.js';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false };

/** Bodies that use most of what each protocol has. */
const BODIES: readonly { readonly path: string; readonly body: Json }[] = [
  {
    path: '/v1/messages',
    body: {
      model: 'claude-haiku-4-5', max_tokens: 2_000, stream: false, system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral', ttl: '1h' } }], metadata: { user_id: 'u' }, stop_sequences: ['x y z'],
      tools: [{ name: 'get_weather', input_schema: parameters, strict: true }], tool_choice: { type: 'auto', disable_parallel_tool_use: true }, output_config: { format: { type: 'json_schema', schema: parameters } },
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'Hi' }, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'aGk=' } }, { type: 'document', source: { type: 'content', content: [{ type: 'text', text: 'x' }] } }] },
        { role: 'assistant', content: [{ type: 'tool_use', id: 't1', name: 'get_weather', input: { city: 'Oslo' } }] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1', content: [{ type: 'text', text: 'rain' }], is_error: false }] },
      ],
    },
  },
  {
    path: '/v1beta/models/gemini-2.5-flash:generateContent',
    body: {
      systemInstruction: { parts: [{ text: 'Be brief.' }] },
      contents: [
        { role: 'user', parts: [{ text: 'Hi' }, { inlineData: { mimeType: 'image/png', data: 'aGk=' } }, { fileData: { fileUri: 'u', mimeType: 'application/pdf' } }] },
        { role: 'model', parts: [{ functionCall: { name: 'get_weather', args: { city: 'Oslo' } } }] },
        { role: 'user', parts: [{ functionResponse: { name: 'get_weather', response: { output: 'rain' } } }] },
      ],
      tools: [{ functionDeclarations: [{ name: 'get_weather', parameters: { type: 'OBJECT', properties: { days: { type: 'ARRAY', items: { type: 'INTEGER' }, minItems: '1' } } } }] }],
      toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['get_weather'] } },
      generationConfig: { temperature: 1, maxOutputTokens: 500, stopSequences: ['x y z'], candidateCount: 2, thinkingConfig: { includeThoughts: true, thinkingBudget: 100 } },
    },
  },
  {
    path: '/v1/responses',
    body: {
      model: 'gpt-5-mini', instructions: 'Be brief.', max_output_tokens: 500, reasoning: { effort: 'low', summary: 'auto' }, include: ['reasoning.encrypted_content'], store: false, parallel_tool_calls: true, metadata: { a: 'b' },
      tools: [{ type: 'function', name: 'get_weather', parameters, strict: true }], tool_choice: 'auto', text: { format: { type: 'json_schema', name: 'x', schema: parameters } },
      input: [
        { role: 'user', content: [{ type: 'input_text', text: 'Hi' }, { type: 'input_image', image_url: 'u', detail: 'low' }, { type: 'input_file', file_data: 'x' }] },
        { type: 'function_call', call_id: 'c1', name: 'get_weather', arguments: '{}' },
        { type: 'function_call_output', call_id: 'c1', output: [{ type: 'input_text', text: 'rain' }] },
      ],
    },
  },
];

const values = fc.oneof(fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>, fc.constantFrom<Json>(null, '', -1, 0, 1e308, 0.5, [], {}, [[]], 'x', true, '__proto__', { type: 'text', text: 'x' }));

/** The body with one place replaced, removed or doubled; `turns` lead there. */
function mutated(body: Json, turns: readonly number[], value: Json, how: 'replace' | 'remove' | 'add'): Json {
  const copy = structuredClone(body);
  let at: Json = copy;
  for (const [index, turn] of turns.entries()) {
    if (typeof at !== 'object' || at === null) break;
    const keys = Object.keys(at);
    if (keys.length === 0) break;
    const key = keys[turn % keys.length] as string;
    const holder = at as Record<string, Json>;
    const next: Json = holder[key] as Json;
    const leaf = index === turns.length - 1 || typeof next !== 'object' || next === null;
    if (!leaf) {
      at = next;
      continue;
    }
    if (how === 'replace') holder[key] = value;
    else if (how === 'add') holder[`${key}x`] = value;
    else if (Array.isArray(at)) at.splice(Number(key), 1);
    else delete holder[key];
    break;
  }
  return copy;
}

describe('a body with one thing wrong', () => {
  let bench: Bench;
  beforeAll(async () => { bench = await Bench.start(); });
  afterAll(() => bench.simulator.close());
  const headers = { authorization: 'Bearer k', 'x-goog-api-key': 'k', 'anthropic-version': '2023-06-01', 'content-type': 'application/json' };
  const send = (path: string, body: Json): Promise<Response> => fetch(`${bench.simulator.origin}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });

  it.each(BODIES)('is answered or refused in the shape of its protocol: $path', async ({ path, body }) => {
    expect((await send(path, body)).status).toBe(200);
    const seen = new Set<number>();
    await fc.assert(fc.asyncProperty(fc.array(fc.nat(30), { minLength: 1, maxLength: 6 }), values, fc.constantFrom('replace', 'remove', 'add'), async (turns, value, how) => {
      const response = await send(path, mutated(body, turns, value, how));
      const answer = await response.text();
      seen.add(response.status);
      expect([200, 400, 404]).toContain(response.status);
      // Streams are only asked for where the mutation turned one on.
      if (response.status !== 200) expect(JSON.parse(answer)).toMatchObject({ error: { message: expect.stringMatching(/./) } });
      else expect(answer.length).toBeGreaterThan(50);
    }), { numRuns: 400 });
    expect(seen.has(400)).toBe(true);
    await bench.simulator.settled();
    expect(bench.simulator.ledger().every((row) => row.outcome === 'completed' || row.outcome === 'refused')).toBe(true);
  });
});
