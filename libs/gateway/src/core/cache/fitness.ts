import { SseParser } from '@apex/llm';
import { type Surface } from '@apex/usage';
import { scanTopLevel } from '../json/top-level.js';
import { isPlainlyGood } from './plain-chat.js';

/**
 * Why an answer is not worth giving again. `refused`: the model or a filter declined. `truncated`: it was cut off at a
 * limit. `live`: it drew on the provider's own tools (search, code, MCP), whose findings grow old and whose acts are not
 * to be skipped. `incomplete`: it does not say that it ended well.
 */
export type Unfit = 'unreadable' | 'error' | 'incomplete' | 'truncated' | 'refused' | 'live';

type Json = Readonly<Record<string, unknown>>;
const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
const isGiven = (value: unknown): boolean => value !== undefined && value !== null;
const isFilled = (value: unknown): boolean => (Array.isArray(value) || typeof value === 'string' ? value.length > 0 : isGiven(value));

/**
 * Null: it is a complete, good answer. What it does not know it takes for unfit: a missing entry costs a call, a wrong one
 * is given again and again.
 */
export function unfitness(surface: Surface, streamed: boolean, body: Buffer): Unfit | null {
  try {
    if (surface === 'embeddings') return streamed ? 'unreadable' : ofEmbeddings(body);
    if (streamed) return ofStream[surface](new Events(body));
    if (surface === 'chat.completions' && isPlainlyGood(body)) return null;
    const json: unknown = JSON.parse(body.toString('utf8'));
    return isJson(json) ? ofWhole[surface](json) : 'unreadable';
  } catch {
    return 'unreadable';
  }
}

type Generated = Exclude<Surface, 'embeddings'>;

const ofWhole: Readonly<Record<Generated, (json: Json) => Unfit | null>> = {
  'chat.completions': (json) => {
    if (isGiven(json['error'])) return 'error';
    const { choices } = json;
    return Array.isArray(choices) && choices.length > 0 ? first(choices.map((choice: unknown) => ofChoice(choice, 'message'))) : 'incomplete';
  },
  responses: ofResponse,
  messages: (json) => {
    if (json['type'] !== 'message' || isGiven(json['error'])) return 'error';
    return ofStopReason(json['stop_reason']) ?? ofItems(json['content'], MESSAGE_BLOCKS);
  },
};

const ofStream: Readonly<Record<Generated, (events: Events) => Unfit | null>> = {
  'chat.completions': (events) => {
    const ends = new Map<unknown, Unfit | null>();
    let unfit: Unfit | null = null;
    // Of most events it is enough to know that they are none of these; they belong to the first choice.
    for (const chunk of events.matching(/"(?:finish_reason|refusal|error|annotations)"\s*:\s*[^\sn]|"index"\s*:\s*[1-9]/)) {
      if (isGiven(chunk['error'])) return 'error';
      for (const choice of Array.isArray(chunk['choices']) ? (chunk['choices'] as unknown[]) : []) {
        if (!isJson(choice)) return 'unreadable';
        const ended = isGiven(choice['finish_reason']);
        const verdict = ofChoice(ended ? choice : { ...choice, finish_reason: 'stop' }, 'delta');
        unfit ??= verdict;
        if (ended || !ends.has(choice['index'])) ends.set(choice['index'], ended ? verdict : 'incomplete');
      }
    }
    if (!events.done || !ends.has(0)) return unfit ?? 'incomplete';
    return unfit ?? first([...ends.values()]);
  },
  responses: (events) => {
    let verdict: Unfit | null = 'incomplete';
    for (const event of events.matching(/"type"\s*:\s*"(?:response\.(?:completed|incomplete|failed)|error)"/)) {
      if (event['type'] === 'error' || event['type'] === 'response.failed') return 'error';
      if (event['type'] === 'response.completed' || event['type'] === 'response.incomplete') verdict = isJson(event['response']) ? ofResponse(event['response']) : 'unreadable';
    }
    return verdict;
  },
  messages: (events) => {
    let stop: Unfit | null = 'incomplete';
    let live: Unfit | null = null;
    let over = false;
    for (const event of events.matching(/"type"\s*:\s*"(?:content_block_start|message_delta|message_stop|error)"/)) {
      if (event['type'] === 'error') return 'error';
      if (event['type'] === 'content_block_start') live ??= ofItems([event['content_block']], MESSAGE_BLOCKS);
      if (event['type'] === 'message_delta' && isJson(event['delta']) && isGiven(event['delta']['stop_reason'])) stop = ofStopReason(event['delta']['stop_reason']);
      if (event['type'] === 'message_stop') over = true;
    }
    return over ? (stop ?? live) : 'incomplete';
  },
};

/** A recorded stream's events. */
class Events {
  /** `[DONE]` was among those that were gone through. */
  done = false;

  constructor(private readonly body: Buffer) {}

  /** Those that can be of interest, parsed. */
  *matching(interest: RegExp): Generator<Json> {
    const parser = new SseParser();
    for (const { data } of [...parser.push(this.body), ...parser.finish()]) {
      if (data === '[DONE]') this.done = true;
      else if (interest.test(data)) {
        const json: unknown = JSON.parse(data);
        if (isJson(json)) yield json;
      }
    }
  }
}

/** The words for a good end, compatible servers' included (vLLM, TGI, Together). */
const GOOD_FINISHES: ReadonlySet<unknown> = new Set(['stop', 'tool_calls', 'function_call', 'stop_sequence', 'eos', 'eos_token']);

function ofChoice(choice: unknown, part: 'message' | 'delta'): Unfit | null {
  if (!isJson(choice)) return 'unreadable';
  if (isGiven(choice['error'])) return 'error';
  const said = isJson(choice[part]) ? choice[part] : {};
  if (isFilled(said['refusal'])) return 'refused';
  if (isFilled(said['annotations'])) return 'live';
  const finish = choice['finish_reason'];
  if (finish === 'length') return 'truncated';
  if (finish === 'content_filter') return 'refused';
  return GOOD_FINISHES.has(finish) ? null : 'incomplete';
}

const GOOD_STOPS: ReadonlySet<unknown> = new Set(['end_turn', 'stop_sequence', 'tool_use']);
const MESSAGE_BLOCKS: ReadonlySet<unknown> = new Set(['text', 'thinking', 'redacted_thinking', 'tool_use']);

function ofStopReason(reason: unknown): Unfit | null {
  if (reason === 'max_tokens' || reason === 'model_context_window_exceeded') return 'truncated';
  if (reason === 'refusal') return 'refused';
  return GOOD_STOPS.has(reason) ? null : 'incomplete';
}

const RESPONSE_ITEMS: ReadonlySet<unknown> = new Set(['message', 'reasoning', 'function_call', 'custom_tool_call']);

function ofResponse(response: Json): Unfit | null {
  if (isGiven(response['error']) || response['status'] === 'failed') return 'error';
  const details = response['incomplete_details'];
  if (response['status'] === 'incomplete') return isJson(details) && details['reason'] === 'content_filter' ? 'refused' : 'truncated';
  if (response['status'] !== 'completed' || isGiven(details)) return 'incomplete';
  return ofItems(response['output'], RESPONSE_ITEMS) ?? first((response['output'] as readonly Json[]).map(ofResponseItem));
}

function ofResponseItem(item: Json): Unfit | null {
  if (item['type'] !== 'message') return null;
  const parts = Array.isArray(item['content']) ? (item['content'] as unknown[]) : [];
  return first(
    parts.map((part) => {
      if (!isJson(part)) return 'unreadable';
      if (part['type'] === 'refusal') return 'refused';
      return part['type'] !== 'output_text' ? 'incomplete' : isFilled(part['annotations']) ? 'live' : null;
    }),
  );
}

/** Whether all are of a kind that the model itself makes. */
function ofItems(items: unknown, known: ReadonlySet<unknown>): Unfit | null {
  if (!Array.isArray(items)) return 'incomplete';
  return first(
    items.map((item: unknown) => {
      if (!isJson(item)) return 'unreadable';
      return known.has(item['type']) ? null : 'live';
    }),
  );
}

/** Vectors are long, and nothing in them has to be understood. */
function ofEmbeddings(body: Buffer): Unfit | null {
  const top = scanTopLevel(body);
  if (top === null || top.duplicate !== null) return 'unreadable';
  const error = top.members.get('error');
  if (error !== undefined && body[error.valueStart] !== 0x6e) return 'error';
  const data = top.members.get('data');
  // Something between the brackets that is more than a space.
  return data !== undefined && body[data.valueStart] === 0x5b && data.valueEnd - data.valueStart > 4 ? null : 'incomplete';
}

const first = (verdicts: readonly (Unfit | null)[]): Unfit | null => verdicts.find((verdict) => verdict !== null) ?? null;
