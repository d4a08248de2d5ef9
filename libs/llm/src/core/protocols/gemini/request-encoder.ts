import { type Fields, isPresent } from '@apex/common';
import { type EncodedRequest } from '../../dialogue/codec.js';
import { type AssistantPart, type Conversation, type Decoded, type ToolCallPart, type Turn, type UserPart } from '../../dialogue/conversation.js';
import { Problems } from '../../dialogue/problems.js';
import { signerOf } from '../../dialogue/signatures.js';
import { writeFunctionResponse } from './function-response.js';
import { parseArguments } from './json.js';
import { writeMedia } from './media.js';
import { writeModelPart } from './model-parts.js';
import { NO_SIGNATURE, wantsCallSignatures } from './models.js';
import { encodeSettings } from './settings.js';
import { encodeToolConfig, encodeTools } from './tools.js';

interface Content {
  readonly role: 'user' | 'model';
  readonly parts: Fields[];
}

/**
 * A conversation as a `GenerateContentRequest`. Its model and whether it streams stand in the URL (`geminiPath`). Turns of
 * one role that follow each other become one, for Gemini wants the results of parallel calls together, in the order of the
 * calls. A refusal of the assistant is text: Gemini has no part of its own. Passed over as `ignoredHints`: cache breakpoints,
 * for Gemini caches prefixes by itself; the end user, whom it does not know; the name of a schema that has a title; thinking
 * that another provider signed or redacted, for a signature that is not Gemini's is refused, and thoughts are optional.
 */
export function encodeRequest(conversation: Conversation): Decoded<EncodedRequest> {
  const problems = new Problems();
  const { system, tools } = conversation;
  if (conversation.parallelTools === false) problems.inexpressible('parallelTools', 'Gemini cannot be kept from calling several tools at once');
  const thoughts: string[] = [];
  const contents = new Contents(conversation.model, problems, thoughts);
  conversation.turns.forEach((turn, index) => contents.add(turn, `turns[${index}]`));
  if (contents.list.length === 0) problems.inexpressible('turns', 'Gemini wants something said');
  const declared = encodeTools(tools, problems);
  const toolConfig = encodeToolConfig(conversation.toolChoice, tools);
  const generationConfig = encodeSettings(conversation, problems);
  const ignoredHints = [...thoughts, ...ignoredHintsOf(conversation)];
  return problems.decoded({
    ...(ignoredHints.length > 0 && { ignoredHints }),
    body: {
      contents: contents.list,
      ...(system.length > 0 && { systemInstruction: { parts: system.map(({ text }) => ({ text })) } }),
      ...(declared.length > 0 && { tools: declared }),
      ...(toolConfig !== null && { toolConfig }),
      ...(generationConfig !== null && { generationConfig }),
    },
  });
}

function ignoredHintsOf({ system, tools, turns, endUser, output }: Conversation): string[] {
  const cached = (part: object): boolean => ('cache' in part && part.cache !== undefined) || ('content' in part && Array.isArray(part.content) && part.content.some(cached));
  const titled = output.kind === 'json_schema' && output.name !== null && isPresent(output.schema['title']);
  return [
    ...([...system, ...tools, ...turns.flatMap((turn): readonly (UserPart | AssistantPart)[] => turn.parts)].some(cached) ? ['cache'] : []),
    ...(endUser === null ? [] : ['endUser']),
    ...(titled ? ['output.name'] : []),
  ];
}

class Contents {
  readonly list: Content[] = [];
  /** The calls so far, by id; a later one of the same id hides the earlier. */
  private readonly calls = new Map<string, { readonly name: string; readonly place: number }>();
  private readonly signs: boolean;

  constructor(
    model: string,
    private readonly problems: Problems,
    private readonly hints: string[],
  ) {
    this.signs = wantsCallSignatures(model);
  }

  add(turn: Turn, path: string): void {
    switch (turn.role) {
      case 'system':
        this.problems.inexpressible(path, 'Gemini takes instructions before the conversation alone');
        return;
      case 'user':
        this.append('user', turn.parts.flatMap((part, index) => this.userPart(part, `${path}.parts[${index}]`)));
        this.orderResults();
        return;
      case 'assistant':
        this.append('model', turn.parts.flatMap((part, index) => this.modelPart(part, `${path}.parts[${index}]`)));
        this.signCalls();
        return;
    }
  }

  private append(role: Content['role'], parts: readonly Fields[]): void {
    const last = this.list.at(-1);
    if (parts.length === 0) return;
    if (last?.role === role) last.parts.push(...parts);
    else this.list.push({ role, parts: [...parts] });
  }

  private userPart(part: UserPart, path: string): Fields[] {
    switch (part.type) {
      case 'text':
        return [{ text: part.text }];
      case 'image':
      case 'document':
        return [writeMedia(part, path, this.problems)];
      case 'tool_result': {
        const call = this.calls.get(part.toolCallId);
        if (call !== undefined) return [{ functionResponse: writeFunctionResponse(part, call.name, path, this.problems) }];
        this.problems.inexpressible(`${path}.toolCallId`, "Gemini wants the tool's name, and no call of this id comes before its result");
        return [];
      }
    }
  }

  private modelPart(part: AssistantPart, path: string): Fields[] {
    if (part.type === 'tool_call') return [this.call(part, path)];
    if (part.type === 'redacted_thinking' || (part.type === 'thinking' && part.signature !== null && signerOf(part) !== 'gemini')) {
      this.hints.push(path);
      return [];
    }
    return [writeModelPart(part) ?? {}];
  }

  private call(part: ToolCallPart, path: string): Fields {
    this.calls.set(part.id, { name: part.name, place: this.calls.size });
    const args = parseArguments(part.arguments);
    if (args === 'malformed') this.problems.inexpressible(`${path}.arguments`, 'Gemini takes a JSON object alone');
    if (args === 'inexact') this.problems.inexpressible(`${path}.arguments`, 'Gemini keeps numbers as doubles, and a whole number here is not one');
    return writeModelPart(part) ?? {};
  }

  /** Gemini 3 wants a signature on the first call of each step; where the client or another model left none, Google's stand-in. */
  private signCalls(): void {
    const parts = this.list.at(-1)?.parts ?? [];
    const first = parts.findIndex((part) => isPresent(part['functionCall']));
    const call = parts[first];
    if (this.signs && call !== undefined && !isPresent(call['thoughtSignature'])) parts[first] = { ...call, thoughtSignature: NO_SIGNATURE };
  }

  /** Results in the order of their calls, each where a result stood: models that know no ids match them by name and order. */
  private orderResults(): void {
    const parts = this.list.at(-1)?.parts ?? [];
    const places = parts.flatMap((part, index) => (isPresent(part['functionResponse']) ? [index] : []));
    const placeOf = (part: Fields | undefined): number => this.calls.get(String((part?.['functionResponse'] as Fields | undefined)?.['id']))?.place ?? 0;
    const results = places.map((index) => parts[index]).sort((a, b) => placeOf(a) - placeOf(b));
    places.forEach((index, n) => {
      const result = results[n];
      if (result !== undefined) parts[index] = result;
    });
  }
}
