import fc from 'fast-check';
import { type Conversation } from '../../dialogue/conversation.js';
import { conversations } from '../../dialogue/dialogue.fakes.js';
import { decoded, EMPTY, minimal } from './bodies.fakes.js';
import { openAiResponsesCodec as codec } from './index.js';

const encoded = (conversation: Conversation) => {
  const result = codec.encodeRequest(conversation);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.value;
};
const refused = (conversation: Conversation): string[] => {
  const result = codec.encodeRequest(conversation);
  return result.ok ? [] : result.problems.map(({ kind, param }) => `${kind} ${param}`);
};

describe('encodeRequest', () => {
  it('says all that this protocol can say, and is read back as it was', () => {
    const expressible = conversations({
      signers: ['openai-responses'],
      documentNames: 'required', thinkingSignatures: 'required', callSignatures: false, mixedToolTurns: false, cache: false, topK: false, stopSequences: 0, seed: false, penalties: false, candidates: false, logprobs: false,
      schemaNames: 'required', budgetTokens: false, bareReasoning: false,
    }).map((conversation) => ({ ...conversation, tools: conversation.tools.map((tool) => ({ ...tool, strict: tool.strict ?? false })) }));
    fc.assert(
      fc.property(expressible, (conversation) => {
        const { body, ignoredHints } = encoded(conversation);
        expect(decoded(JSON.parse(JSON.stringify(body)) as object)).toEqual(conversation);
        expect(ignoredHints).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });

  it('writes what the documentation shows', () => {
    expect(encoded({ ...EMPTY, system: [{ type: 'text', text: 'Be brief.' }], stream: true, reasoning: { enabled: true, effort: 'low', budgetTokens: null } }).body).toEqual({
      model: 'gpt-5.4', instructions: 'Be brief.', input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hi' }] }], reasoning: { effort: 'low' }, include: ['reasoning.encrypted_content'], store: false, stream: true,
    });
  });

  it('never leaves strict to the default, which is on here and off elsewhere', () => {
    const tool = { name: 'f', description: null, parameters: { type: 'object' }, strict: null };
    expect(encoded({ ...EMPTY, tools: [tool] }).body['tools']).toEqual([{ type: 'function', name: 'f', parameters: { type: 'object' }, strict: false }]);
    expect(encoded({ ...EMPTY, tools: [{ ...tool, strict: true }] }).body['tools']).toEqual([{ type: 'function', name: 'f', parameters: { type: 'object' }, strict: true }]);
    expect(decoded({ ...minimal, tools: [{ type: 'function', name: 'f', parameters: { type: 'object' } }] }).tools).toEqual([tool]);
  });

  it('says reasoning that is on without saying how much, and names for what needs one', () => {
    expect(encoded({ ...EMPTY, reasoning: { enabled: true, effort: null, budgetTokens: null } }).body['reasoning']).toEqual({ effort: 'medium' });
    expect(encoded({ ...EMPTY, reasoning: { enabled: false, effort: null, budgetTokens: null } }).body).toMatchObject({ reasoning: { effort: 'none' } });
    expect(encoded({ ...EMPTY, output: { kind: 'json_schema', name: null, description: null, schema: {}, strict: null } }).body['text']).toEqual({ format: { type: 'json_schema', name: 'response', schema: {} } });
    const { body } = encoded({ ...EMPTY, turns: [{ role: 'user', parts: [{ type: 'document', name: null, source: { kind: 'base64', mediaType: 'application/pdf', data: 'JVBERg==' } }] }] });
    expect(body['input']).toEqual([{ type: 'message', role: 'user', content: [{ type: 'input_file', filename: 'document.pdf', file_data: 'data:application/pdf;base64,JVBERg==' }] }]);
  });

  it('keeps the order of what a user says and of results', () => {
    const result = { type: 'tool_result' as const, toolCallId: 'c', content: [{ type: 'text' as const, text: 'x' }], isError: true };
    const { body } = encoded({ ...EMPTY, turns: [{ role: 'user', parts: [result, { type: 'text', text: 'So?' }] }] });
    expect(body['input']).toEqual([
      { type: 'function_call_output', call_id: 'c', output: [{ type: 'input_text', text: 'The tool call failed.' }, { type: 'input_text', text: 'x' }] },
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'So?' }] },
    ]);
  });

  it('tells what it leaves out and changes no answer', () => {
    const cache = { ttl: null };
    const conversation: Conversation = {
      ...EMPTY,
      system: [{ type: 'text', text: 'x', cache }],
      turns: [
        { role: 'user', parts: [{ type: 'text', text: 'Hi', cache }] },
        { role: 'assistant', parts: [{ type: 'thinking', text: 'hm', signature: null }, { type: 'tool_call', id: 'c', name: 'f', arguments: '{}', signature: 's' }] },
        { role: 'user', parts: [{ type: 'tool_result', toolCallId: 'c', content: [{ type: 'text', text: 'x', cache }], isError: false, cache }] },
      ],
      tools: [{ name: 'f', description: null, parameters: null, strict: null, cache }],
    };
    expect(encoded(conversation).ignoredHints).toEqual(['turns[0].parts[0].cache', 'turns[1].parts[0]', 'turns[1].parts[1].signature', 'turns[2].parts[0].cache', 'turns[2].parts[0].content[0].cache', 'tools[0].cache', 'system[0].cache']);
    expect(JSON.stringify(encoded(conversation).body)).not.toContain('hm');
  });

  it.each<[string, Partial<Conversation>]>([
    ['topK', { topK: 5 }],
    ['stop', { stop: ['END'] }],
    ['seed', { seed: 1 }],
    ['presencePenalty', { presencePenalty: 1 }],
    ['frequencyPenalty', { frequencyPenalty: -1 }],
    ['candidates', { candidates: 2 }],
    ['logprobs', { logprobs: { top: 2 } }],
    ['reasoning.budgetTokens', { reasoning: { enabled: true, effort: null, budgetTokens: 2048 } }],
    ['turns', { turns: [] }],
    ['turns[0]', { turns: [{ role: 'user', parts: [] }] }],
  ])('refuses %s by name', (param, members) => {
    expect(refused({ ...EMPTY, ...members })).toContain(`inexpressible ${param}`);
  });

  it('takes a penalty of 0 for none', () => {
    expect(refused({ ...EMPTY, presencePenalty: 0, frequencyPenalty: 0 })).toEqual([]);
  });
});
