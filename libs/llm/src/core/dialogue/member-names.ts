import { isFields } from '@apex/common';
import { at } from './problems.js';

/** A member of the conversation, by the client's own name. */
export type MemberNames = (member: string) => string;

/** Where a part of a turn stands in the client's body, and what its members are called there. */
export interface Place {
  readonly path: string;
  readonly members: Renames;
}

/** The first that begins a name is replaced; one that ends with `*` together with all that follows. An empty one begins every name. */
export type Renames = Readonly<Record<string, string>>;

/** `parameters.properties.age` by `{ parameters: 'input_schema' }` is `input_schema.properties.age`. */
export function renamed(member: string, renames: Renames): string {
  for (const [key, theirs] of Object.entries(renames)) {
    const own = key.replace(/\*$/, '');
    const rest = member.slice(own.length);
    if (member.startsWith(own) && (rest === '' || own === '' || /^[.[]/.test(rest))) return own === key ? theirs + rest : theirs;
  }
  return member;
}

const TURN = /^turns\[(\d+)\](?:\.parts\[(\d+)\](?:\.(.+))?)?$/;
const TOOL = /^tools\[(\d+)\]\.(.+)$/;
const SYSTEM = /^system\[(\d+)\]/;

export interface NameSources {
  /** Members outside of turns, tools and instructions. */
  readonly members: Renames;
  /** Members of a tool. */
  readonly tools: Renames;
  /** Where a part of a turn stands; `part` null: the turn itself. Undefined: not known. */
  place(turn: number, part: number | null): Place | undefined;
  /** Where a piece of the instructions stands. */
  system(index: number): string | undefined;
}

/** Names by these sources, of which nothing is asked until there is something to name. */
export function memberNames({ members, tools, place, system }: NameSources): MemberNames {
  return (member) => {
    const turn = TURN.exec(member);
    if (turn !== null) {
      const [, index, part, rest] = turn;
      const found = place(Number(index), part === undefined ? null : Number(part));
      if (found === undefined) return member;
      const inner = rest === undefined ? '' : renamed(rest, found.members);
      return inner === '' ? found.path : inner.startsWith('[') ? found.path + inner : at(found.path, inner);
    }
    const tool = TOOL.exec(member);
    if (tool !== null) return at('tools', Number(tool[1]), renamed(tool[2] ?? '', tools));
    const instruction = SYSTEM.exec(member);
    return instruction === null ? renamed(member, members) : (system(Number(instruction[1])) ?? member);
  };
}

/** The entries of a list of the body's; none where it is no list. */
export const entriesOf = (holder: unknown, name: string): readonly unknown[] => {
  const list = isFields(holder) ? holder[name] : undefined;
  return Array.isArray(list) ? list : [];
};
