import fc from 'fast-check';
import { type AssistantPart, type Conversation, type UserPart } from '../../dialogue/conversation.js';
import { answers, conversations, foldEvents, streamedAnswers, type AnswerCapabilities, type ConversationCapabilities } from '../../dialogue/dialogue.fakes.js';
import { geminiCodec } from './index.js';

const RUNS = { numRuns: 600 };

/** What Gemini can say, in the form in which it comes back. The rest is refused, passed over as a hint, or has a second form, and has tests of its own. */
const SAYABLE: Partial<ConversationCapabilities> = {
  imageDetail: false,
  refusals: false,
  redactedThinking: false,
  signers: ['gemini'],
  consecutiveTurns: false,
  midSystem: false,
  cache: false,
  strictTools: false,
  rawArguments: false,
  parallelTools: false,
  stopSequences: 5,
  logprobs: false,
  schemaNames: false,
  schemaDescriptions: false,
  strictSchemas: false,
  efforts: ['minimal', 'low', 'medium', 'high', 'xhigh'],
  endUser: false,
};

const ANSWERABLE: Partial<AnswerCapabilities> = { refusals: false, rawArguments: false, created: false, stops: ['stop', 'length', 'refusal'], stopSequences: false, cacheWriteTokens: false };

/** The URL says the model and whether to stream. */
function thereAndBack(conversation: Conversation): unknown {
  const encoded = geminiCodec.encodeRequest(conversation);
  if (!encoded.ok) return encoded;
  const body = JSON.parse(JSON.stringify(encoded.value.body)) as Record<string, unknown>;
  return geminiCodec.decodeRequest({ ...body, model: conversation.model, stream: conversation.stream });
}

describe('a round trip through Gemini', () => {
  it('keeps every conversation that it can say', () => {
    fc.assert(
      fc.property(conversations(SAYABLE), (conversation) => {
        expect(thereAndBack(conversation)).toEqual({ ok: true, value: conversation });
      }),
      RUNS,
    );
  });

  it('keeps it for models that want signatures: the stand-in for a missing one is none', () => {
    fc.assert(
      fc.property(conversations(SAYABLE), fc.constantFrom('gemini-3.8-flash', 'gemini-4-hydrogen', 'gemini-flash-latest'), (conversation, model) => {
        expect(thereAndBack({ ...conversation, model })).toEqual({ ok: true, value: { ...conversation, model } });
      }),
      RUNS,
    );
  });

  it('makes nothing up and drops nothing of any conversation at all: it is refused, or comes back in its second form', () => {
    let said = 0;
    fc.assert(
      fc.property(fc.oneof(conversations(), conversations({ logprobs: false, midSystem: false, redactedThinking: false })), (conversation) => {
        const encoded = geminiCodec.encodeRequest(conversation);
        if (encoded.ok) said += 1;
        else {
          for (const problem of encoded.problems) expect(problem).toEqual({ kind: 'inexpressible', param: expect.stringMatching(/^\w/), why: expect.stringMatching(/\w/) });
          return;
        }
        expect(thereAndBack(conversation)).toEqual({ ok: true, value: secondForm(conversation) });
      }),
      { numRuns: 2_000 },
    );
    expect(said).toBeGreaterThan(100);
  });

  it('keeps every answer that it can say', () => {
    fc.assert(
      fc.property(answers(ANSWERABLE), (answer) => {
        expect(geminiCodec.decodeAnswer(JSON.parse(JSON.stringify(geminiCodec.encodeAnswer(answer))))).toEqual(answer);
      }),
      RUNS,
    );
  });

  it('keeps every stream that it can say, and tells the same as the whole answer', () => {
    fc.assert(
      fc.property(streamedAnswers({ ...ANSWERABLE, assistantTexts: 1 }), ({ answer, events }) => {
        const encoder = geminiCodec.createStreamEncoder({ includeUsage: false, model: answer.model, created: 0, id: 'unused' });
        const decoder = geminiCodec.createStreamDecoder();
        const decoded = [...events.flatMap((event) => encoder.push(event)).flatMap((event) => decoder.push(event)), ...decoder.finish()];
        const folded = foldEvents(decoded);
        expect(folded).toEqual(answer);
        expect(folded).toEqual(geminiCodec.decodeAnswer(geminiCodec.encodeAnswer(answer)));
      }),
      RUNS,
    );
  });
});

/** Two forms that mean one thing, in the one that Gemini's words say. */
function secondForm(conversation: Conversation): Conversation {
  const plain = JSON.parse(JSON.stringify(conversation, (key, value: unknown) => (key === 'cache' ? undefined : key === 'detail' && value === 'auto' ? null : value))) as Conversation;
  const strict = plain.tools.some((tool) => tool.strict === true);
  const validated = strict && (plain.toolChoice === null || plain.toolChoice.kind === 'auto');
  return {
    ...plain,
    turns: joined(plain.turns),
    tools: plain.tools.map((tool) => ({ ...tool, strict: validated ? true : null })),
    toolChoice: validated ? { kind: 'auto' } : plain.toolChoice,
    parallelTools: null,
    output: outputForm(plain.output),
    endUser: null,
  };
}

function outputForm(output: Conversation['output']): Conversation['output'] {
  if (output.kind !== 'json_schema') return output;
  const labels = { ...(output.name !== null && { title: output.name }), ...(output.description !== null && { description: output.description }) };
  return { ...output, name: null, description: null, strict: null, schema: { ...output.schema, ...labels } };
}

function joined(turns: Conversation['turns']): Conversation['turns'] {
  const all: { role: string; parts: unknown[] }[] = [];
  for (const turn of turns) {
    // Of thinking, what another provider signed or redacted is left out.
    const told = (turn.parts as readonly (UserPart | AssistantPart)[]).filter((part) => part.type !== 'redacted_thinking' && (part.type !== 'thinking' || part.signature === null || part.signature.by === 'gemini'));
    if (told.length === 0) continue;
    const parts = told.map((part) => {
      if (part.type === 'tool_call') return { ...part, arguments: JSON.stringify(JSON.parse(part.arguments)) };
      return part.type === 'refusal' ? { type: 'text', text: part.text } : part;
    });
    const last = all.at(-1);
    if (last?.role === turn.role) last.parts.push(...parts);
    else all.push({ role: turn.role, parts });
  }
  return all as unknown as Conversation['turns'];
}
