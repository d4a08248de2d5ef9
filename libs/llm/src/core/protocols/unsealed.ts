import { type Fields, isFields } from '@apex/common';
import { parseExactly } from '../dialogue/exact-json.js';
import { at } from '../dialogue/problems.js';
import { type Protocol } from '../dialogue/protocol.js';
import { openedId, SEAL } from '../dialogue/sealed-ids.js';
import { openedSignature, SEALED } from '../dialogue/signatures.js';
import { withoutBudget } from './anthropic-messages/thinking-turns.js';

/** A request that can be passed on. */
export interface Unsealed {
  readonly body: Buffer;
  /** What was left out of it, by the client's own names. */
  readonly leftOut: readonly string[];
}

const SEAL_BYTES = Buffer.from(SEAL, 'latin1');
const SEALED_BYTES = Buffer.from(SEALED, 'latin1');

/**
 * Takes out of a client's request what Apex has sealed into earlier answers, for the request is to be passed on to a provider
 * of the client's own protocol, and the answers came from others: thinking that such a provider would refuse, and signatures
 * that make ids of tool calls longer than it takes. Anthropic's is asked not to think where it would have to have begun to. Null: there is none, as nearly always, and the bytes stay as they are.
 * @param body UTF-8; where it is no JSON, or nests too deeply to be written again, the provider's own answer is the better error
 */
export function unsealed(protocol: Exclude<Protocol, 'gemini'>, body: Buffer): Unsealed | null {
  if (!body.includes(SEAL_BYTES) && !body.includes(SEALED_BYTES)) return null;
  const opener = new Opener(protocol);
  try {
    const request = parseExactly(body.toString('utf8'));
    const opened = isFields(request) ? opener.open(request) : request;
    return opener.changed ? { body: Buffer.from(JSON.stringify(opened)), leftOut: opener.leftOut } : null;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return null;
    throw error;
  }
}

class Opener {
  readonly leftOut: string[] = [];
  changed = false;

  constructor(private readonly protocol: Exclude<Protocol, 'gemini'>) {}

  open(request: Fields): Fields {
    switch (this.protocol) {
      case 'openai-chat':
        return this.list(request, 'messages', '', (message, path) => this.list(this.id(message, 'tool_call_id'), 'tool_calls', path, (call, here) => this.id(call, 'id', here)));
      case 'openai-responses':
        return this.list(request, 'input', '', (item, path) => this.item(item, path));
      case 'anthropic-messages':
        return this.thinking(this.list(request, 'messages', '', (message, path) => this.message(message, path)));
    }
  }

  private thinking(request: Fields): Fields {
    const possible = this.changed ? withoutBudget(request) : request;
    if (possible !== request) this.leftOut.push('thinking');
    return possible;
  }

  private item(item: Fields, path: string): Fields | null {
    switch (item['type']) {
      case 'reasoning':
        return this.own(item, 'encrypted_content', path);
      case 'function_call':
        return this.id(item, 'call_id', path);
      default:
        return this.id(item, 'call_id');
    }
  }

  /** A message that was nothing but thinking goes with it: there are none without content. */
  private message(message: Fields, path: string): Fields | null {
    const opened = this.list(message, 'content', path, (block, here) => this.block(block, here));
    return opened !== message && Array.isArray(opened['content']) && opened['content'].length === 0 ? null : opened;
  }

  private block(block: Fields, path: string): Fields | null {
    switch (block['type']) {
      case 'thinking':
        return this.own(block, 'signature', path);
      case 'redacted_thinking':
        return this.own(block, 'data', path);
      case 'tool_use':
        return this.id(block, 'id', path);
      default:
        return this.id(block, 'tool_use_id');
    }
  }

  /** The holder with this list of its own opened; the same object where nothing in it was sealed. */
  private list(holder: Fields, name: string, path: string, open: (entry: Fields, path: string) => Fields | null): Fields {
    const entries: unknown = holder[name];
    if (!Array.isArray(entries)) return holder;
    let same = true;
    const opened = entries.flatMap((entry: unknown, index) => {
      const one = isFields(entry) ? open(entry, at(path, name, index)) : entry;
      same &&= one === entry;
      return one === null && entry !== null ? [] : [one];
    });
    return same ? holder : { ...holder, [name]: opened };
  }

  /** Null: thinking that no provider of this protocol signed. */
  private own(part: Fields, name: string, path: string): Fields | null {
    const sealed = part[name];
    if (typeof sealed !== 'string' || openedSignature(sealed, this.protocol)?.by === this.protocol) return part;
    this.changed = true;
    this.leftOut.push(path);
    return null;
  }

  /** `path`: the id is a call's, and what was sealed into it is named. */
  private id(holder: Fields, name: string, path: string | null = null): Fields {
    const sealed = holder[name];
    if (typeof sealed !== 'string') return holder;
    const { id } = openedId(sealed);
    if (id === sealed) return holder;
    this.changed = true;
    if (path !== null) this.leftOut.push(at(path, name));
    return { ...holder, [name]: id };
  }
}
