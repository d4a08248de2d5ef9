import fc from 'fast-check';
import { conversations, mutated } from '../../dialogue/dialogue.fakes.js';
import { CONFIGURED_REQUEST, FUNCTION_CALLING_REQUEST, MEDIA_REQUEST } from './golden/examples.js';
import { geminiCodec } from './index.js';

const URL_MEMBERS = { model: 'gemini-3.8-flash', stream: true };
const HI = { contents: [{ role: 'user', parts: [{ text: 'Hi' }] }] };
const decode = (body: object): ReturnType<typeof geminiCodec.decodeRequest> => geminiCodec.decodeRequest({ ...URL_MEMBERS, ...body });

function problems(body: object): unknown {
  const decoded = decode(body);
  return decoded.ok ? [] : decoded.problems.map(({ kind, param }) => `${kind} ${param}`);
}

describe("Gemini's requests, read", () => {
  it('reads the documentation on function calling', () => {
    expect(decode(FUNCTION_CALLING_REQUEST)).toMatchObject({
      ok: true,
      value: {
        model: 'gemini-3.8-flash',
        stream: true,
        turns: [
          { role: 'user', parts: [{ type: 'text', text: 'Turn the lights down to a romantic level' }] },
          { role: 'assistant', parts: [{ type: 'tool_call', id: '8f2b1a3c', name: 'set_light_values', arguments: '{"brightness":25,"color_temp":"warm"}', signature: 'EsIBCr8BAdHtim9' }] },
          { role: 'user', parts: [{ type: 'tool_result', toolCallId: '8f2b1a3c', content: [{ type: 'text', text: '{"result":{"brightness":25,"colorTemperature":"warm"}}' }], isError: false }] },
        ],
        toolChoice: { kind: 'auto' },
        tools: [
          {
            name: 'set_light_values',
            strict: null,
            parameters: {
              type: 'object',
              properties: {
                brightness: { type: 'integer', description: 'Light level from 0 to 100. Zero is off and 100 is full brightness' },
                color_temp: { type: ['string', 'null'], enum: ['daylight', 'cool', 'warm', null] },
                rooms: { type: 'array', items: { type: 'string' }, minItems: 1, maxItems: 4 },
              },
              required: ['brightness', 'color_temp'],
            },
          },
        ],
      },
    });
  });

  it('reads the documentation on settings', () => {
    expect(decode(CONFIGURED_REQUEST)).toEqual({
      ok: true,
      value: {
        model: 'gemini-3.8-flash', stream: true, system: [{ type: 'text', text: 'You are a cat. Your name is Neko.' }], turns: [{ role: 'user', parts: [{ type: 'text', text: 'List a few popular cookie recipes.' }] }],
        tools: [], toolChoice: null, parallelTools: null, maxOutputTokens: 8000, temperature: 1, topP: 0.8, topK: 10, stop: ['Title'], seed: 7, presencePenalty: 0.5, frequencyPenalty: -0.5, candidates: 2, logprobs: null,
        output: { kind: 'json_schema', name: null, description: null, schema: CONFIGURED_REQUEST.generationConfig.responseJsonSchema, strict: null },
        reasoning: { enabled: true, effort: 'low', budgetTokens: null }, endUser: null,
      },
    });
  });

  it('reads the documentation on media', () => {
    const decoded = decode(MEDIA_REQUEST);
    expect(decoded.ok && decoded.value.turns[0]?.parts).toEqual([
      { type: 'image', source: { kind: 'base64', mediaType: 'image/jpeg', data: '/9j/4AAQ' }, detail: 'high' },
      { type: 'document', source: { kind: 'base64', mediaType: 'application/pdf', data: 'JVBERi0x' }, name: null },
      { type: 'document', source: { kind: 'text', text: 'Grüße' }, name: null },
      { type: 'document', source: { kind: 'url', url: 'https://discovery.ucl.ac.uk/id/eprint/10089234/1/343019_3_art_0_py4t4l_convrt.pdf' }, name: null },
      { type: 'image', source: { kind: 'url', url: 'https://example.com/cat.png?size=2' }, detail: null },
      { type: 'text', text: 'Caption these.' },
    ]);
  });

  it('gives calls without an id one by their place, and matches responses without one by name and order', () => {
    const call = (city: string): object => ({ functionCall: { name: 'weather', args: { city } } });
    const response = (output: string): object => ({ functionResponse: { name: 'weather', response: { output } } });
    const decoded = decode({ contents: [{ role: 'model', parts: [call('Paris'), { functionCall: { name: 'time' } }, call('Bern')] }, { role: 'function', parts: [response('sun'), { functionResponse: { name: 'time', response: { error: 'late' } } }, response('rain')] }] });
    expect(decoded).toMatchObject({
      ok: true,
      value: {
        turns: [
          { parts: [{ id: 'call_0', arguments: '{"city":"Paris"}' }, { id: 'call_1', arguments: '{}' }, { id: 'call_2', arguments: '{"city":"Bern"}' }] },
          {
            role: 'user',
            parts: [
              { toolCallId: 'call_0', content: [{ type: 'text', text: 'sun' }], isError: false },
              { toolCallId: 'call_1', content: [{ type: 'text', text: 'late' }], isError: true },
              { toolCallId: 'call_2', content: [{ type: 'text', text: 'rain' }], isError: false },
            ],
          },
        ],
      },
    });
  });

  it.each<[unknown, unknown]>([
    [undefined, null],
    [{}, null],
    [{ includeThoughts: false }, null],
    [{ includeThoughts: true }, { enabled: true, effort: null, budgetTokens: null }],
    [{ thinkingBudget: -1 }, { enabled: true, effort: null, budgetTokens: null }],
    [{ thinkingBudget: 0, includeThoughts: true }, { enabled: false, effort: null, budgetTokens: null }],
    [{ thinkingBudget: 128 }, { enabled: true, effort: null, budgetTokens: 128 }],
    [{ thinkingLevel: 'HIGH' }, { enabled: true, effort: 'high', budgetTokens: null }],
    [{ thinkingLevel: 'THINKING_LEVEL_UNSPECIFIED' }, null],
  ])('reads thinkingConfig %j', (thinkingConfig, reasoning) => {
    expect(decode({ ...HI, generationConfig: { thinkingConfig } })).toMatchObject({ ok: true, value: { reasoning } });
  });

  const declarations = [{ functionDeclarations: [{ name: 'a' }, { name: 'b' }] }];
  it.each<[unknown, unknown]>([
    [{ mode: 'ANY' }, { kind: 'required' }],
    [{ mode: 'ANY', allowedFunctionNames: ['a'] }, { kind: 'tool', name: 'a' }],
    [{ mode: 'ANY', allowedFunctionNames: ['b', 'a'] }, { kind: 'required' }],
    [{ mode: 'NONE' }, { kind: 'none' }],
    [{ mode: 'MODE_UNSPECIFIED' }, null],
    [{}, null],
  ])('reads functionCallingConfig %j', (functionCallingConfig, toolChoice) => {
    expect(decode({ ...HI, tools: declarations, toolConfig: { functionCallingConfig } })).toMatchObject({ ok: true, value: { toolChoice } });
  });

  it('takes a stand-in for a signature as none, in the wire form of any client', () => {
    for (const thoughtSignature of ['skip_thought_signature_validator', 'c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=', 'context_engineering_is_the_way_to_go'])
      expect(decode({ contents: [{ role: 'model', parts: [{ functionCall: { id: 'i', name: 'a' }, thoughtSignature }] }] })).toMatchObject({ ok: true, value: { turns: [{ parts: [{ type: 'tool_call', id: 'i', name: 'a', arguments: '{}' }] }] } });
    const decoded = decode({ contents: [{ role: 'model', parts: [{ functionCall: { id: 'i', name: 'a' }, thoughtSignature: 'skip_thought_signature_validator' }] }] });
    expect(decoded.ok && decoded.value.turns[0]?.parts[0]).not.toHaveProperty('signature');
  });

  it('reads a mode that validates as strict tools', () => {
    expect(decode({ ...HI, tools: declarations, toolConfig: { functionCallingConfig: { mode: 'VALIDATED' } } })).toMatchObject({ ok: true, value: { toolChoice: { kind: 'auto' }, tools: [{ name: 'a', strict: true }, { name: 'b', strict: true }] } });
  });

  it('passes hints over', () => {
    expect(problems({ ...HI, labels: { team: 'x' }, store: true, serviceTier: 'standard', contents: [{ parts: [{ text: 'Hi', partMetadata: { from: 'x' } }] }] })).toEqual([]);
  });

  it.each<[string, object]>([
    ['safetySettings', { safetySettings: [] }],
    ['cachedContent', { cachedContent: 'cachedContents/a' }],
    ['continuationToken', { continuationToken: 'a' }],
    ['serviceTier', { serviceTier: 'flex' }],
    ['tools[0].googleSearch', { tools: [{ googleSearch: {} }] }],
    ['tools[0].codeExecution', { tools: [{ codeExecution: {} }] }],
    ['tools[0].functionDeclarations[0].behavior', { tools: [{ functionDeclarations: [{ name: 'a', behavior: 'NON_BLOCKING' }] }] }],
    ['toolConfig.retrievalConfig', { toolConfig: { retrievalConfig: {} } }],
    ['toolConfig.functionCallingConfig.allowedFunctionNames', { tools: [{ functionDeclarations: [{ name: 'a' }, { name: 'b' }, { name: 'c' }] }], toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['a', 'b'] } } }],
    ['generationConfig.speechConfig', { generationConfig: { speechConfig: {} } }],
    ['generationConfig.responseModalities', { generationConfig: { responseModalities: ['TEXT', 'IMAGE'] } }],
    ['generationConfig.responseLogprobs', { generationConfig: { responseLogprobs: true, logprobs: 3 } }],
    ['generationConfig.responseMimeType', { generationConfig: { responseMimeType: 'text/x.enum' } }],
    ['generationConfig.mediaResolution', { generationConfig: { mediaResolution: 'MEDIA_RESOLUTION_LOW' } }],
    ['contents[0].parts[0].executableCode', { contents: [{ role: 'model', parts: [{ executableCode: {} }] }] }],
    ['contents[0].parts[0].inlineData', { contents: [{ parts: [{ inlineData: { mimeType: 'audio/mp3', data: 'AA==' } }] }] }],
    ['contents[0].parts[0].inlineData', { contents: [{ role: 'model', parts: [{ inlineData: { mimeType: 'image/png', data: 'AA==' } }] }] }],
    ['contents[0].parts[0].fileData.fileUri', { contents: [{ parts: [{ fileData: { mimeType: 'image/png', fileUri: 'gs://bucket/a' } }] }] }],
    ['contents[0].parts[0].fileData.fileUri', { contents: [{ parts: [{ fileData: { mimeType: 'image/png', fileUri: 'https://generativelanguage.googleapis.com/v1beta/files/a' } }] }] }],
    ['contents[0].parts[0].mediaResolution.level', { contents: [{ parts: [{ inlineData: { mimeType: 'image/png', data: 'AA==' }, mediaResolution: { level: 'MEDIA_RESOLUTION_ULTRA_HIGH' } }] }] }],
    ['systemInstruction.parts[0].inlineData', { systemInstruction: { parts: [{ text: 'x', inlineData: { mimeType: 'image/png', data: 'AA==' } }] } }],
  ])('refuses %s by its name', (param, members) => {
    expect(problems({ ...HI, ...members })).toEqual([`inexpressible ${param}`]);
  });

  it.each<[string, object]>([
    ['model', { model: '' }],
    ['contents', { contents: [] }],
    ['contents[0].parts', { contents: [{ role: 'user', parts: [] }] }],
    ['contents[0].role', { contents: [{ role: 'assistant', parts: [{ text: 'x' }] }] }],
    ['contents[0].parts[0]', { contents: [{ parts: [{}] }] }],
    ['contents[0].parts[0]', { contents: [{ parts: [{ text: 'x', functionResponse: { name: 'x' } }] }] }],
    ['contents[0].parts[0].functionCall', { contents: [{ role: 'user', parts: [{ functionCall: { name: 'x' } }] }] }],
    ['contents[0].parts[0].functionResponse', { contents: [{ role: 'user', parts: [{ functionResponse: { name: 'x' } }] }] }],
    ['contents[0].parts[0].text', { contents: [{ parts: [{ text: 7 }] }] }],
    ['system_instruction', { system_instruction: {} }],
    ['generationConfig.temprature', { generationConfig: { temprature: 1 } }],
    ['generationConfig.topK', { generationConfig: { topK: '40' } }],
    ['generationConfig.thinkingConfig.thinkingBudget', { generationConfig: { thinkingConfig: { thinkingBudget: 5, thinkingLevel: 'LOW' } } }],
    ['generationConfig.responseMimeType', { generationConfig: { responseJsonSchema: {} } }],
    ['generationConfig.responseSchema', { generationConfig: { responseMimeType: 'application/json', responseSchema: {}, responseJsonSchema: {} } }],
    ['generationConfig.logprobs', { generationConfig: { logprobs: 3 } }],
    ['tools[0].functionDeclarations[0].parameters', { tools: [{ functionDeclarations: [{ name: 'a', parameters: {}, parametersJsonSchema: {} }] }] }],
  ])('finds %s wrong', (param, members) => {
    expect(problems({ ...HI, ...members })).toEqual([`invalid ${param}`]);
  });

  it('tells of everything at once', () => {
    expect(problems({ contents: [{ parts: [{ videoMetadata: {}, text: 'x' }] }], safetySettings: [], tools: [{ urlContext: {} }] })).toEqual(['inexpressible safetySettings', 'inexpressible tools[0].urlContext', 'inexpressible contents[0].parts[0].videoMetadata']);
  });

  it('finds what nests without end, without tripping over it', () => {
    let deep: Record<string, unknown> = { type: 'STRING' };
    for (let depth = 0; depth < 50_000; depth += 1) deep = { items: deep };
    expect(problems({ ...HI, tools: [{ functionDeclarations: [{ name: 'a', parameters: deep }] }] })).toEqual(['invalid tools[0].functionDeclarations[0].parameters']);
    expect(problems({ ...HI, generationConfig: { responseMimeType: 'application/json', responseSchema: deep } })).toEqual(['invalid generationConfig.responseSchema']);
    expect(problems({ contents: [{ role: 'model', parts: [{ functionCall: { name: 'a', args: deep } }] }] })).toEqual(['invalid contents[0].parts[0].functionCall.args']);
    expect(problems({ contents: [{ role: 'model', parts: [{ functionCall: { name: 'a' } }] }, { role: 'user', parts: [{ functionResponse: { name: 'a', response: deep } }] }] })).toEqual(['invalid contents[1].parts[0].functionResponse.response']);
  });

  it.each([FUNCTION_CALLING_REQUEST, CONFIGURED_REQUEST, MEDIA_REQUEST])('reads or refuses any body that is broken, and never throws: example %#', (example) => {
    fc.assert(fc.property(mutated({ ...URL_MEMBERS, ...example }), (body) => soundly(body)), { numRuns: 2_000 });
  });

  it('reads or refuses broken bodies of every kind of conversation', () => {
    const bodies = conversations({ logprobs: false, midSystem: false, parallelTools: false }).chain((conversation) => {
      const encoded = geminiCodec.encodeRequest(conversation);
      return mutated({ ...URL_MEMBERS, ...(encoded.ok ? encoded.value.body : MEDIA_REQUEST) });
    });
    fc.assert(fc.property(fc.oneof(bodies, fc.anything()), (body) => soundly(body)), { numRuns: 2_000 });
  });
});

/** What it could read it can say again, or says by name why not. */
function soundly(body: unknown): void {
  const decoded = geminiCodec.decodeRequest(body);
  if (decoded.ok) geminiCodec.encodeRequest(decoded.value);
  else for (const problem of decoded.problems) expect(problem.why).not.toBe('');
}
