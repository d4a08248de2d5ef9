const USAGE = Buffer.from('"usage"');
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** What of a response is looked at before giving up and parsing the whole of it. Usage stands near the end. */
const WINDOW = 4_096;

/**
 * The value of the top-level `usage` member of a JSON answer, read from its tail alone.
 * It returns `undefined` whenever it is not *sure* that what it found is the top-level member; the caller then parses
 * the whole. Sure means: behind the usage object come only members with scalar values, one closing brace, and the end,
 * so the object stood at depth one; and its name was not part of a string, where its quotes would be escaped.
 */
export function readUsageTail(body: Buffer): unknown {
  const from = Math.max(0, body.length - WINDOW);
  const at = body.lastIndexOf(USAGE);
  if (at < from || at < 1 || body[at - 1] === BACKSLASH) return undefined;
  const tail = body.toString('latin1', at);
  const match = /^"usage"\s*:\s*(?=\{)/.exec(tail);
  if (match === null) return undefined;
  const end = objectEnd(tail, match[0].length);
  if (end < 0 || !SCALAR_MEMBERS_TO_THE_END.test(tail.slice(end))) return undefined;
  try {
    // latin1 keeps byte offsets; the object itself is ASCII in every provider's answer, and names decide, not text.
    return JSON.parse(tail.slice(match[0].length, end));
  } catch {
    return undefined;
  }
}

const SCALAR_MEMBERS_TO_THE_END = /^(?:\s*,\s*"[^"\\]*"\s*:\s*(?:"[^"\\]*"|null|true|false|-?\d[\d.eE+-]*))*\s*\}\s*$/;

function objectEnd(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const close = text.indexOf('"', at + 1);
      // An escape inside usage: not a shape any provider sends; leave it to the parser.
      if (close < 0 || text.charCodeAt(close - 1) === BACKSLASH) return -1;
      at = close;
    } else if (code === 0x7b) depth++;
    else if (code === 0x7d && --depth === 0) return at + 1;
  }
  return -1;
}
