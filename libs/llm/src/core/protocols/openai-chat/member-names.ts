import { type Fields, fieldsOf, isFields, isPresent } from '@apex/common';
import { entriesOf, memberNames, type MemberNames, type Place, type Renames } from '../../dialogue/member-names.js';
import { at } from '../../dialogue/problems.js';
import { readDetails } from './reasoning-details.js';

const MEMBERS: Renames = {
  turns: 'messages',
  toolChoice: 'tool_choice',
  parallelTools: 'parallel_tool_calls',
  topP: 'top_p',
  presencePenalty: 'presence_penalty',
  frequencyPenalty: 'frequency_penalty',
  candidates: 'n',
  'output.schema': 'response_format.json_schema.schema',
  'output.name': 'response_format.json_schema.name',
  'output.description': 'response_format.json_schema.description',
  output: 'response_format',
  'reasoning*': 'reasoning_effort',
};

const OF_IMAGES: Renames = { detail: 'image_url.detail', 'source*': 'image_url.url', cache: 'prompt_cache_breakpoint' };
const OF_FILES: Renames = { 'source*': 'file.file_data', name: 'file.filename', cache: 'prompt_cache_breakpoint' };
const OF_TEXTS: Renames = { cache: 'prompt_cache_breakpoint' };
const OF_CALLS: Renames = { arguments: 'function.arguments', signature: 'id' };

/** The messages of each turn: a run of tool messages is one, and so is each other message but those that lead as instructions. */
type TurnPlaces = readonly (readonly number[])[];

export function namesIn(body: unknown): MemberNames {
  const messages = entriesOf(body, 'messages').map(fieldsOf);
  let found: { readonly system: string[]; readonly turns: TurnPlaces } | null = null;
  const places = () => (found ??= placesOf(messages));
  const given = fieldsOf(body);
  return memberNames({
    members: {
      ...MEMBERS,
      maxOutputTokens: isPresent(given['max_completion_tokens']) ? 'max_completion_tokens' : 'max_tokens',
      endUser: isPresent(given['safety_identifier']) ? 'safety_identifier' : 'user',
    },
    tools: { '': 'function.' },
    system: (index) => places().system[index],
    place: (turn, part) => {
      const [first, ...more] = places().turns[turn] ?? [];
      if (first === undefined) return undefined;
      const path = at('messages', first);
      if (part === null) return { path, members: {} };
      const message = messages[first] ?? {};
      if (message['role'] === 'assistant') return assistantPlace(message, path, part);
      if (message['role'] !== 'tool') return contentPlace(message['content'], at(path, 'content'), part);
      const result = at('messages', [first, ...more][part] ?? first);
      return { path: result, members: { toolCallId: 'tool_call_id' } };
    },
  });
}

function placesOf(messages: readonly Fields[]): { system: string[]; turns: TurnPlaces } {
  const system: string[] = [];
  const turns: number[][] = [];
  let results: number[] | null = null;
  messages.forEach(({ role, content }, index) => {
    if (role === 'tool' && results !== null) results.push(index);
    else if (turns.length === 0 && (role === 'system' || role === 'developer')) {
      const path = at('messages', index, 'content');
      if (Array.isArray(content)) system.push(...content.map((_part, part) => at(path, part)));
      else if (content !== '') system.push(path);
    } else {
      const turn = [index];
      turns.push(turn);
      results = role === 'tool' ? turn : null;
    }
  });
  return { system, turns };
}

function contentPlace(content: unknown, path: string, part: number): Place {
  if (!Array.isArray(content)) return { path, members: OF_TEXTS };
  const held: unknown = content[part];
  const type = isFields(held) ? held['type'] : null;
  return { path: at(path, part), members: type === 'image_url' ? OF_IMAGES : type === 'file' ? OF_FILES : OF_TEXTS };
}

/** In the order in which they are read: reasoning that is signed, what was said, a refusal, calls. */
function assistantPlace(message: Fields, path: string, part: number): Place {
  const { content, refusal } = message;
  const reasoning = entriesOf(message, 'reasoning_details').flatMap((entry, index) => (readDetails([entry]).some((one) => one.type === 'redacted_thinking' || one.signature !== null) ? [at(path, 'reasoning_details', index)] : []));
  const texts = Array.isArray(content) ? content.map((_part, index) => at(path, 'content', index)) : typeof content === 'string' && content !== '' ? [at(path, 'content')] : [];
  const said: Place[] = [...reasoning, ...texts, ...(typeof refusal === 'string' ? [at(path, 'refusal')] : [])].map((place) => ({ path: place, members: OF_TEXTS }));
  const calls = entriesOf(message, 'tool_calls').map((_call, index): Place => ({ path: at(path, 'tool_calls', index), members: OF_CALLS }));
  return [...said, ...calls][part] ?? { path, members: {} };
}
