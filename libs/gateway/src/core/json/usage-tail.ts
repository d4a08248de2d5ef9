import { TailTemplate } from './tail-template.js';

const USAGE = Buffer.from('"usage"');
const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;

/** How much of a response's end is looked at. Usage stands near it; a longer tail is no cheaper than the whole. */
const WINDOW = 4_096;

/** Ends of answers that were parsed; of each model there are a few. */
const MAX_TEMPLATES = 8;
/** Of ends that fit none one in so many is remembered: where no two are alike, remembering costs more than it saves. */
const LEARN_EVERY = 16;

const templates: TailTemplate[] = [];
let strange = 0;

/**
 * The value of the top-level `usage` member of a JSON answer, read from its tail alone. It is the caller's until the next
 * call, which may change it.
 * It returns `undefined` whenever it is not *sure* that what it found is the top-level member; the caller then parses
 * the whole.
 *
 * Sure means: a brace put in front of the tail makes it a whole JSON object. Had the member stood deeper than at depth
 * one, there would be brackets left over; had it been part of a string, its quotes would be escaped.
 */
export function readUsageTail(body: Buffer): unknown {
  const at = body.lastIndexOf(USAGE);
  if (at < 1 || body.length - at > WINDOW || !isMemberStart(body, at)) return undefined;
  for (let i = 0; i < templates.length; i++) {
    const template = templates[i]!;
    if (template.fill(body, at)) return template.value['usage'] ?? undefined;
  }
  try {
    const tail = `{${body.toString('utf8', at)}`;
    const { usage } = JSON.parse(tail) as { usage?: unknown };
    if (strange++ % LEARN_EVERY === 0) learn(tail);
    return usage ?? undefined;
  } catch {
    return undefined;
  }
}

/** The oldest makes room. */
function learn(tail: string): void {
  const template = TailTemplate.of(tail);
  if (template === null) return;
  templates.unshift(template);
  if (templates.length > MAX_TEMPLATES) templates.pop();
}

/** Behind a comma or an opening brace, white space between. */
function isMemberStart(body: Buffer, at: number): boolean {
  let before = at - 1;
  while (before > 0 && body[before]! <= 0x20) before--;
  return body[before] === COMMA || body[before] === OPEN_BRACE;
}
