import { isPresent } from '@apex/common';
import { type AssistantPart, type Conversation, type Decoded, type TextPart, type Turn, type UserPart } from '../../dialogue/conversation.js';
import { at, Problems } from '../../dialogue/problems.js';
import { readFunctionResponse } from './function-response.js';
import { readMedia } from './media.js';
import { callIdOf, readModelPart } from './model-parts.js';
import { decodeSettings } from './settings.js';
import { decodeTools } from './tools.js';
import { FOREIGN_MEMBERS, FOREIGN_PARTS, requestSchema, type WireContent, type WirePart } from './wire.js';

/**
 * A `GenerateContentRequest` with two members more, `model` and `stream`, that whoever serves it takes from the URL
 * (`parseGeminiPath`). Calls without an id get `call_<n>`, n being their place among the conversation's calls; a response
 * without an id answers the first call of its name that has none yet.
 */
export function decodeRequest(body: unknown): Decoded<Conversation> {
  const problems = new Problems({}, { kind: 'invalid', why: 'Gemini has no member of this name' });
  const request = problems.read(requestSchema, body);
  if (request === null) return problems.refused();
  problems.refuse(request, '', FOREIGN_MEMBERS, 'nobody else has this');
  if (isPresent(request.serviceTier) && !['', 'standard', 'unspecified'].includes(request.serviceTier ?? '')) problems.inexpressible('serviceTier', 'services differ between providers');
  const { tools, toolChoice } = decodeTools(request.tools ?? [], request.toolConfig ?? {}, problems);
  const contents = new ContentReader(problems);
  return problems.decoded({
    model: request.model,
    stream: request.stream ?? false,
    system: decodeSystem(request.systemInstruction?.parts ?? [], problems),
    turns: request.contents.map((content, index) => contents.turn(content, `contents[${index}]`)),
    tools,
    toolChoice,
    parallelTools: null,
    endUser: null,
    ...decodeSettings(request.generationConfig ?? {}, problems),
  });
}

function decodeSystem(parts: readonly WirePart[], problems: Problems): TextPart[] {
  return parts.map((part, index) => {
    const path = `systemInstruction.parts[${index}]`;
    for (const member of Object.keys(part)) if (!['text', 'partMetadata'].includes(member) && isPresent(part[member as keyof WirePart])) problems.inexpressible(at(path, member), 'instructions are text');
    if (!isPresent(part.text)) problems.invalid(path, 'says nothing');
    return { type: 'text', text: part.text ?? '' };
  });
}

interface OpenCall {
  readonly id: string;
  readonly name: string;
  answered: boolean;
}

const DATA = ['text', 'inlineData', 'fileData', 'functionCall', 'functionResponse'] as const;

class ContentReader {
  private readonly calls: OpenCall[] = [];

  constructor(private readonly problems: Problems) {}

  turn(content: WireContent, path: string): Turn {
    const parts = content.parts.map((part, index) => ({ part, path: `${path}.parts[${index}]` })).filter(({ part, path: where }) => this.sound(part, where));
    if (content.role === 'model') return { role: 'assistant', parts: parts.flatMap(({ part, path: where }) => this.modelPart(part, where)) };
    return { role: 'user', parts: parts.flatMap(({ part, path: where }) => this.userPart(part, where)) };
  }

  /** It says one thing, and one that others can say. */
  private sound(part: WirePart, path: string): boolean {
    const foreign = FOREIGN_PARTS.some((member) => isPresent(part[member]));
    this.problems.refuse(part, path, FOREIGN_PARTS, 'nobody else has parts of this kind');
    const said = DATA.filter((member) => isPresent(part[member]));
    if (said.length > 1) this.problems.invalid(path, `says several things: ${said.join(', ')}`);
    const nothing = said.length === 0 && !isPresent(part.thoughtSignature);
    if (nothing && !foreign) this.problems.invalid(path, 'says nothing');
    if (isPresent(part.mediaResolution) && !isPresent(part.inlineData) && !isPresent(part.fileData)) this.problems.invalid(at(path, 'mediaResolution'), 'is for media alone');
    return said.length <= 1 && !nothing && !foreign;
  }

  private userPart(part: WirePart, path: string): UserPart[] {
    if (isPresent(part.functionCall)) this.problems.invalid(at(path, 'functionCall'), 'is for the model to say');
    if (part.thought === true) this.problems.invalid(at(path, 'thought'), 'is for the model to say');
    if (isPresent(part.thoughtSignature)) this.problems.inexpressible(at(path, 'thoughtSignature'), 'what a user says has no signature elsewhere');
    if (isPresent(part.functionResponse)) return this.response(part, path);
    if (isPresent(part.inlineData) || isPresent(part.fileData)) {
      const media = readMedia(part, path, this.problems);
      return media === null ? [] : [media];
    }
    return [{ type: 'text', text: part.text ?? '' }];
  }

  private modelPart(part: WirePart, path: string): AssistantPart[] {
    const read = readModelPart(part, () => callIdOf('', 0, this.calls.length));
    if (!read.ok) {
      if (read.kind === 'invalid') this.problems.invalid(at(path, read.member), read.why);
      else this.problems.inexpressible(at(path, read.member), read.why);
      return [];
    }
    for (const one of read.parts) if (one.type === 'tool_call') this.calls.push({ id: one.id, name: one.name, answered: false });
    return [...read.parts];
  }

  private response(part: WirePart, path: string): UserPart[] {
    const response = part.functionResponse;
    if (response == null) return [];
    const where = at(path, 'functionResponse');
    this.problems.refuse(response, where, ['scheduling', 'willContinue'], 'nobody else has this');
    response.parts?.forEach((one, index) => {
      this.problems.refuse(one, `${where}.parts[${index}]`, ['mediaProcessing'], 'nobody else has this');
      if (isPresent(one.inlineData) === isPresent(one.fileData)) this.problems.invalid(`${where}.parts[${index}]`, 'is one of inlineData and fileData');
    });
    const call = this.answered(response.id ?? null, response.name);
    if (call === null) {
      this.problems.invalid(where, `answers no call of ${response.name} that comes before it`);
      return [];
    }
    call.answered = true;
    return [readFunctionResponse(response, call.id, where, this.problems)];
  }

  private answered(id: string | null, name: string): OpenCall | null {
    if (id !== null && id !== '') return this.calls.findLast((call) => call.id === id && call.name === name) ?? null;
    return this.calls.find((call) => call.name === name && !call.answered) ?? null;
  }
}
