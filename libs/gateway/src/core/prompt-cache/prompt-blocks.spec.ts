import fc from 'fast-check';
import { scanTopLevel } from '../json/top-level.js';
import { messagesBlocks, prefixNames, type PromptBlocks } from './prompt-blocks.js';
import { spliceBreakpoints } from './splice-breakpoints.js';

const read = (body: Buffer): PromptBlocks | null => messagesBlocks(body, scanTopLevel(body)!);
const bytes = (body: unknown, indent?: number): Buffer => Buffer.from(JSON.stringify(body, null, indent));

const texts = fc.string({ unit: 'grapheme', minLength: 12 });
const textBlock = texts.map((text) => ({ type: 'text', text }));
const toolUse = fc.record({ type: fc.constant('tool_use'), id: fc.string(), name: fc.constant('look_up'), input: fc.dictionary(fc.string(), fc.jsonValue()) });
const toolResult = fc.record({ type: fc.constant('tool_result'), tool_use_id: fc.string(), content: fc.oneof(texts, fc.array(textBlock)) });
const thinking = fc.record({ type: fc.constant('thinking'), thinking: texts, signature: fc.string() });
const content = fc.oneof(texts, fc.array(fc.oneof(textBlock, toolUse, toolResult, thinking), { minLength: 1, maxLength: 5 }));
const message = fc.record({ role: fc.constantFrom('user', 'assistant'), content });
const tool = fc.record({ name: fc.constant('look_up'), description: texts, input_schema: fc.object() });
const requests = fc.record(
  { model: fc.constant('claude-sonnet-4-5'), max_tokens: fc.nat(), tools: fc.array(tool, { maxLength: 3 }), system: fc.oneof(texts, fc.array(textBlock)), messages: fc.array(message, { minLength: 1, maxLength: 6 }), tool_choice: fc.constant({ type: 'auto' }) },
  { requiredKeys: ['model', 'max_tokens', 'messages'] },
);
/** A request with its layout, and which of its blocks are to be marked. */
const cases = fc.tuple(requests, fc.constantFrom(undefined, 2), fc.infiniteStream(fc.boolean()));

/** What a request means to the provider, with the blocks that hold a breakpoint. */
function meaning(body: Buffer): { readonly said: unknown; readonly marked: number } {
  let marked = 0;
  const bare = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(bare);
    if (typeof value !== 'object' || value === null) return value;
    const { cache_control: control, ...rest } = value as { cache_control?: unknown };
    if (control !== undefined) marked++;
    return Object.fromEntries(Object.entries(rest).map(([name, member]) => [name, name === 'input' || name === 'input_schema' ? member : bare(member)]));
  };
  const request = JSON.parse(body.toString()) as { system?: unknown; messages: { content: unknown }[] };
  const asBlocks = (given: unknown): unknown => (typeof given === 'string' ? [{ type: 'text', text: given }] : given);
  const messages = request.messages.map((one) => ({ ...one, content: asBlocks(one.content) }));
  return { said: bare({ ...request, ...(request.system !== undefined && { system: asBlocks(request.system) }), messages }), marked };
}

describe('breakpoints in a request', () => {
  it('change nothing that it says, and no byte that was there', () => {
    fc.assert(
      fc.property(cases, ([request, indent, wanted]) => {
        const body = bytes(request, indent);
        const { blocks } = read(body)!;
        const at = blocks.flatMap(({ mark }, index) => (mark !== null && wanted.next().value ? [index] : []));
        const spliced = spliceBreakpoints(body, blocks, at);
        expect(meaning(spliced)).toEqual({ said: meaning(body).said, marked: at.length });
        // The body's bytes are all there, in their order, and nothing beside them but what was put in.
        let found = 0;
        for (const byte of spliced) if (byte === body[found]) found++;
        expect(found).toBe(body.length);
        const put = at.map((index) => (blocks[index]!.mark === 'text' ? '[{"type":"text","text":,"cache_control":{"type":"ephemeral"}}]' : ',"cache_control":{"type":"ephemeral"}').length);
        expect(spliced.length - body.length).toBe(put.reduce((sum, length) => sum + length, 0));
      }),
      { numRuns: 300 },
    );
  });

  it('break nothing, whatever stands where a conversation should', () => {
    const anything = fc.oneof(fc.jsonValue(), content, fc.array(message), fc.array(fc.record({ role: fc.constantFrom('user', 'assistant'), content: fc.oneof(content, fc.jsonValue(), fc.array(fc.record({ type: fc.constantFrom('text', 'tool_result', 'odd'), content: fc.jsonValue() }))) })));
    fc.assert(
      fc.property(fc.record({ messages: anything, tools: anything, system: anything }, { requiredKeys: ['messages'] }), (body) => {
        const prompt = read(bytes(body));
        if (prompt === null) return;
        prefixNames(bytes(body), prompt, 's');
        const at = prompt.blocks.flatMap(({ mark }, index) => (mark === null ? [] : [index]));
        expect(meaning(spliceBreakpoints(bytes(body), prompt.blocks, at)).marked).toBe(at.length);
      }),
      { numRuns: 500 },
    );
  });

  it('are not put on thinking, on next to nothing, nor on a tool that is loaded later', () => {
    const body = bytes({
      tools: [{ name: 'a', input_schema: {}, defer_loading: true }],
      messages: [{ role: 'user', content: ' \n\t ' }, { role: 'assistant', content: [{ type: 'thinking', thinking: 'a long thought', signature: 's' }, { type: 'text', text: '' }] }, { role: 'user', content: 'go on with it' }],
    });
    expect(read(body)!.blocks.map(({ mark }) => mark)).toEqual([null, null, null, null, 'text']);
  });

  it.each([
    ['no messages', '{"system":"x"}'],
    ['messages that are none', '{"messages":"x"}'],
    ['a message with more than a role and a content', '{"messages":[{"role":"user","content":"long enough","cache":1}]}'],
    ['a message of an unknown role', '{"messages":[{"role":"system","content":"long enough"}]}'],
    ['a content that is neither text nor blocks', '{"messages":[{"role":"user","content":7}]}'],
    ['a block of no type', '{"messages":[{"role":"user","content":[{"text":"long enough"}]}]}'],
    ['a name that is spelled with an escape', '{"messages":[{"role":"user","content":[{"type":"text","\\u0063ache_control":null,"text":"long enough"}]}]}'],
    ['the same inside a result', '{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":[{"type":"text","text":"t","cache\\u005fcontrol":{}}]}]}]}'],
    ['a name that is given twice', '{"messages":[{"role":"user","content":[{"type":"text","type":"image","text":"long enough"}]}]}'],
    ['tools that are no objects', '{"tools":["x"],"messages":[{"role":"user","content":"long enough"}]}'],
  ])('are not put into %s', (_what, body) => {
    expect(read(Buffer.from(body))).toBeNull();
  });

  it('are not looked for beyond 4,096 blocks', () => {
    const many = (count: number) => bytes({ messages: Array.from({ length: count }, () => ({ role: 'user', content: 'long enough' })) });
    expect(read(many(4_096))!.blocks).toHaveLength(4_096);
    expect(read(many(4_097))).toBeNull();
  });
});

describe('names of prefixes', () => {
  const base = { model: 'a', system: 'Be brief, and be kind.', messages: [{ role: 'user', content: 'first question' }, { role: 'assistant', content: 'first answer' }] };
  const names = (body: unknown, scope = 's'): string[] => prefixNames(bytes(body), read(bytes(body))!, scope);

  it('are the same as far as two prompts are', () => {
    const longer = { ...base, messages: [...base.messages, { role: 'user', content: 'second question' }] };
    expect(names(longer).slice(0, 3)).toEqual(names(base));
    expect(new Set(names(longer)).size).toBe(4);
    expect(names({ ...base, model: 'b', max_tokens: 9, temperature: 1, stream: true })).toEqual(names(base));
  });

  it.each([
    ['another scope', base, 'other', 0],
    ['another system', { ...base, system: 'Be brief.' }, 's', 0],
    ['what is not known to be no part of it', { ...base, output_config: { format: {} } }, 's', 0],
    ['another choice of tools: the messages', { ...base, tool_choice: { type: 'any' } }, 's', 1],
    ['thinking: the messages', { ...base, thinking: { type: 'enabled', budget_tokens: 2_000 } }, 's', 1],
    ['another role', { ...base, messages: [base.messages[0], { role: 'user', content: 'first answer' }] }, 's', 2],
  ])('differ from %s on', (_what, body, scope, same) => {
    const [one, other] = [names(base), names(body, scope)];
    expect(other.slice(0, same)).toEqual(one.slice(0, same));
    for (let index = same; index < one.length; index++) expect(other[index]).not.toBe(one[index]);
  });
});
