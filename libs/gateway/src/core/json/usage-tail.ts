const USAGE = Buffer.from('"usage"');
const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;

/** How much of a response's end is looked at. Usage stands near it; a longer tail is no cheaper than the whole. */
const WINDOW = 4_096;

/**
 * The value of the top-level `usage` member of a JSON answer, read from its tail alone.
 * It returns `undefined` whenever it is not *sure* that what it found is the top-level member; the caller then parses
 * the whole.
 *
 * Sure means: a brace put in front of the tail makes it a whole JSON object. Had the member stood deeper than at depth
 * one, there would be brackets left over; had it been part of a string, its quotes would be escaped.
 */
export function readUsageTail(body: Buffer): unknown {
  const at = body.lastIndexOf(USAGE);
  if (at < 1 || body.length - at > WINDOW || !isMemberStart(body, at)) return undefined;
  try {
    return (JSON.parse(`{${body.toString('utf8', at)}`) as { usage?: unknown }).usage ?? undefined;
  } catch {
    return undefined;
  }
}

/** Behind a comma or an opening brace, white space between. */
function isMemberStart(body: Buffer, at: number): boolean {
  let before = at - 1;
  while (before > 0 && body[before]! <= 0x20) before--;
  return body[before] === COMMA || body[before] === OPEN_BRACE;
}
