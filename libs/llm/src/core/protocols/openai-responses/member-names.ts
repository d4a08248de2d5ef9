import { type Fields, fieldsOf, isPresent } from '@apex/common';
import { entriesOf, memberNames, type MemberNames, type Place, type Renames } from '../../dialogue/member-names.js';
import { at } from '../../dialogue/problems.js';

const MEMBERS: Renames = {
  turns: 'input',
  toolChoice: 'tool_choice',
  parallelTools: 'parallel_tool_calls',
  maxOutputTokens: 'max_output_tokens',
  topP: 'top_p',
  'output.schema': 'text.format.schema',
  'output.name': 'text.format.name',
  'output.description': 'text.format.description',
  output: 'text.format',
  'reasoning*': 'reasoning.effort',
};

const OF_IMAGES: Renames = { 'source*': 'image_url' };
const OF_CALLS: Renames = { signature: 'call_id' };
const OF_RESULTS: Renames = { toolCallId: 'call_id', content: 'output' };

/** Items of one turn: of the assistant's, or results, in a row; every other message is a turn of its own. */
interface TurnPlace {
  readonly path: string;
  readonly grows: 'assistant' | 'results' | null;
  readonly parts: Place[];
}

export function namesIn(body: unknown): MemberNames {
  const given = fieldsOf(body);
  let found: { readonly system: string[]; readonly turns: TurnPlace[] } | null = null;
  const places = () => (found ??= placesOf(given));
  return memberNames({
    members: { ...MEMBERS, endUser: isPresent(given['safety_identifier']) ? 'safety_identifier' : 'user' },
    tools: {},
    system: (index) => places().system[index],
    place: (turn, part) => {
      const place = places().turns[turn];
      return part === null ? place && { path: place.path, members: {} } : place?.parts[part];
    },
  });
}

function placesOf(given: Fields): { system: string[]; turns: TurnPlace[] } {
  const system = isPresent(given['instructions']) && given['instructions'] !== '' ? ['instructions'] : [];
  const { input } = given;
  if (!Array.isArray(input)) return { system, turns: [{ path: 'input', grows: null, parts: [{ path: 'input', members: {} }] }] };
  const turns: TurnPlace[] = [];
  input.map(fieldsOf).forEach((item, index) => {
    const path = at('input', index);
    const { role } = item;
    const parts = partsOf(item, path);
    const grows = role === 'assistant' || item['type'] === 'function_call' || item['type'] === 'reasoning' ? 'assistant' : item['type'] === 'function_call_output' ? 'results' : null;
    const last = turns.at(-1);
    if (turns.length === 0 && (role === 'system' || role === 'developer')) system.push(...parts.map((part) => part.path));
    else if (grows !== null && last?.grows === grows) last.parts.push(...parts);
    else if (grows !== 'assistant' || parts.length > 0) turns.push({ path, grows, parts });
  });
  return { system, turns };
}

function partsOf(item: Fields, path: string): Place[] {
  switch (item['type']) {
    case 'function_call':
      return [{ path, members: OF_CALLS }];
    case 'function_call_output':
      return [{ path, members: OF_RESULTS }];
    case 'reasoning':
      return [{ path, members: {} }];
    default: {
      const content = at(path, 'content');
      if (!Array.isArray(item['content'])) return [{ path: content, members: {} }];
      return entriesOf(item, 'content').map((part, index) => ({ path: at(content, index), members: membersOf(fieldsOf(part)) }));
    }
  }
}

function membersOf(part: Fields): Renames {
  if (part['type'] === 'input_image') return OF_IMAGES;
  return part['type'] === 'input_file' ? { 'source*': isPresent(part['file_url']) ? 'file_url' : 'file_data', name: 'filename' } : {};
}
