import { isSealOf, seal } from '../core/seal.js';
import { OpenAiError, badRequest } from './errors.js';
import { type ResponseStore } from './response-store.js';
import { type Item, type ResponsesBody } from './responses.schema.js';

/** What ids of stored items begin with, by type. OpenAI refuses others. */
const PREFIX: Readonly<Partial<Record<Item['type'], string>>> = { message: 'msg', function_call: 'fc', reasoning: 'rs' };

/**
 * The conversation that a request is about: what the previous response knew, then its own input, references resolved.
 * @throws OpenAiError for what OpenAI does not let follow each other, and for ids that nobody stored
 */
export function conversationOf(body: ResponsesBody, caller: string, store: ResponseStore): Item[] {
  const before = body.previous_response_id == null ? [] : store.conversation(caller, body.previous_response_id);
  if (!before) throw badRequest(`Previous response with id '${body.previous_response_id}' not found.`, 'previous_response_id', 'previous_response_not_found');
  const input: Item[] = typeof body.input === 'string'
    ? [{ type: 'message', role: 'user', content: body.input }]
    : (body.input ?? []).map((item, index) => (item.type === 'item_reference' ? known(item.id, caller, store) : checked(item, index, caller, store)));
  const items = [...before, ...input];
  if (items.length === 0) throw badRequest("Missing required parameter: 'input'.", 'input', 'missing_required_parameter');
  checkCalls(items);
  checkReasoning(items);
  return items;
}

function known(id: string, caller: string, store: ResponseStore): Item {
  const item = store.item(caller, id);
  if (!item) throw new OpenAiError(404, `Item with id '${id}' not found. Items are not persisted when \`store\` is set to false. Try again with \`store\` set to true, or remove this item from your input.`, 'invalid_request_error', null, 'input');
  return item;
}

function checked(item: Item, index: number, caller: string, store: ResponseStore): Item {
  const prefix = PREFIX[item.type];
  if (prefix !== undefined && typeof item.id === 'string' && !item.id.startsWith(prefix)) throw badRequest(`Invalid 'input[${index}].id': '${item.id.slice(0, 64)}'. Expected an ID that begins with '${prefix}'.`, `input[${index}].id`, 'invalid_value');
  if (item.type !== 'reasoning') return item;
  if (item.encrypted_content == null) return known(item.id, caller, store);
  if (!isSealOf(item.encrypted_content, SEALED)) throw badRequest(`The encrypted content for item ${item.id} could not be verified. Reason: Encrypted content could not be decrypted or parsed.`, null, 'invalid_encrypted_content');
  return item;
}

const SEALED = 'reasoning';

/** The opaque content that lets a reasoning item come back where nothing was stored. */
export const encryptedContent = (id: string): string => seal(SEALED, id);

/** Each call of a function has its output, and each output its call before it. */
function checkCalls(items: readonly Item[]): void {
  const open = new Set<string>();
  for (const item of items) {
    if (item.type === 'function_call') open.add(item.call_id);
    if (item.type === 'function_call_output' && !open.delete(item.call_id)) throw badRequest(`No tool call found for function call output with call_id ${item.call_id}.`, 'input');
  }
  const [unanswered] = open;
  if (unanswered !== undefined) throw badRequest(`No tool output found for function call ${unanswered}.`, 'input');
}

function checkReasoning(items: readonly Item[]): void {
  for (const [index, item] of items.entries()) {
    const next = items[index + 1];
    const continued = next && (next.type === 'function_call' || (next.type === 'message' && next.role === 'assistant'));
    if (item.type === 'reasoning' && !continued) throw badRequest(`Item '${item.id}' of type 'reasoning' was provided without its required following item.`, 'input');
  }
}
