/** A request as the client is given it. */
export interface OutgoingRequest {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Path and query, as they go onto the wire. */
  readonly path: string;
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** A record, or name, value, name, value... */
  readonly headers: Readonly<Record<string, string>> | readonly string[];
  readonly body: Buffer | null;
  /** From the request being sent to the answer's head, in milliseconds. */
  readonly firstByteTimeoutMs: number;
  /** Between two pieces of the answer's body, in milliseconds. */
  readonly idleTimeoutMs: number;
}

/** Names that say how a message is framed or a connection used: the client writes them itself, or does not do what they ask for. */
const OWN_NAMES = new Set(['connection', 'content-length', 'expect', 'host', 'http2-settings', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade']);

const METHOD = /^(?:GET|HEAD|POST|PUT|PATCH|DELETE)$/;
const WITHOUT_BODY = /^(?:GET|HEAD|DELETE)$/;
const PATH = /^\/[\x21-\x7e]*$/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Callers use the same few names again and again: each is judged once. Bounded, as some come from callers' callers. */
const JUDGED_NAMES_LIMIT = 1024;
const judgedNames = new Map<string, boolean>();

function isPlainName(name: string): boolean {
  const known = judgedNames.get(name);
  if (known !== undefined) return known;
  const plain = TOKEN.test(name) && !OWN_NAMES.has(name.toLowerCase());
  if (judgedNames.size < JUDGED_NAMES_LIMIT && name.length <= 64) judgedNames.set(name, plain);
  return plain;
}

/**
 * The head of a request, in latin1: one character is one byte. Null: the request is not one that this client writes.
 * Nothing in it can end a line or begin another: path, names and values are checked byte by byte.
 * @param common what the head says for every request to the origin: from the blank behind the path to the line's end before the first header.
 */
export function formatHead(request: OutgoingRequest, common: string): string | null {
  const { method, path, headers, body } = request;
  if (!METHOD.test(method) || !PATH.test(path)) return null;
  let head = `${method} ${path}${common}`;
  if (Array.isArray(headers)) {
    const pairs = headers as readonly string[];
    if (pairs.length % 2 !== 0) return null;
    for (let i = 0; i < pairs.length; i += 2) {
      const line = formatLine(pairs[i]!, pairs[i + 1]!);
      if (line === null) return null;
      head += line;
    }
  } else {
    const record = headers as Readonly<Record<string, string>>;
    for (const name of Object.keys(record)) {
      const line = formatLine(name, record[name]!);
      if (line === null) return null;
      head += line;
    }
  }
  if (body === null && WITHOUT_BODY.test(method)) return `${head}\r\n`;
  return `${head}content-length: ${body === null ? 0 : body.length}\r\n\r\n`;
}

function formatLine(name: string, value: string): string | null {
  return isPlainName(name) && typeof value === 'string' && VALUE.test(value) ? `${name}: ${value}\r\n` : null;
}

/** What every request to this origin says: HTTP/1.1, the host, and that the connection stays. */
export const commonHead = (host: string): string => ` HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\n`;
