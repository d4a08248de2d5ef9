import { hash } from 'node:crypto';
import { skipSpace } from '../json/skip-value.js';
import { scanTopLevel, type TopLevel } from '../json/top-level.js';
import { entriesAt, membersAt } from '../json/walk.js';

const MINUTE_MS = 60_000;
/** From about so many requests a minute with one prefix and key on, OpenAI sends the rest elsewhere: https://platform.openai.com/docs/guides/prompt-caching */
const PER_MINUTE = 15;
const MAX_ROOTS = 10_000;

/**
 * Keys for OpenAI's prompt cache, which caches by itself: a key only says which requests are to meet. All with the same tools
 * and instructions meet, until there are more of them than one place takes; from then on those of one conversation do.
 */
export class CacheKeys {
  private readonly roots = new Map<string, { from: number; count: number; busy: boolean }>();

  /** The key for a request with these tools and instructions. @param conversation names it */
  keyFor(root: string, conversation: string, nowMs: number): string {
    const seen = this.roots.get(root) ?? { from: nowMs, count: 0, busy: false };
    this.roots.delete(root);
    this.roots.set(root, seen);
    if (this.roots.size > MAX_ROOTS) this.roots.delete(this.roots.keys().next().value!);
    if (nowMs - seen.from >= MINUTE_MS) {
      seen.from = nowMs;
      seen.count = 0;
    }
    // For good: a key that comes and goes would lose what was cached each time.
    if (++seen.count > PER_MINUTE) seen.busy = true;
    return `apex-${hash('sha256', seen.busy ? `${root}\n${conversation}` : root).slice(0, 32)}`;
  }
}

/** So many messages are looked at for instructions. */
const MOST_LEADING = 8;
const LEADING = new Set(['"system"', '"developer"']);

/** Names what stands before the conversation: tools and instructions; without any, the first message. */
export function rootOf(body: Buffer, top: TopLevel, scope: string): string {
  const parts: string[] = [scope];
  for (const name of ['tools', 'instructions'] as const) {
    const span = top.members.get(name);
    if (span !== undefined) parts.push(hash('sha256', body.subarray(span.valueStart, span.valueEnd)));
  }
  const list = top.members.get('messages') ?? top.members.get('input');
  for (const { valueStart, valueEnd } of list === undefined ? [] : (entriesAt(body, list.valueStart, MOST_LEADING) ?? [list])) {
    const role = membersAt(body, valueStart)?.get('role');
    const leads = role !== undefined && LEADING.has(body.toString('latin1', role.valueStart, role.valueEnd));
    if (!leads && parts.length > 1) break;
    parts.push(hash('sha256', body.subarray(valueStart, valueEnd)));
    if (!leads) break;
  }
  return hash('sha256', parts.join('\n'));
}

/** The body with this key; the body itself where it has one, or could have. */
export function withCacheKey(body: Buffer, key: string, top = scanTopLevel(body)): Buffer {
  if (top === null || top.members.has('prompt_cache_key')) return body;
  if (top.members.size === 0) return body;
  const at = skipSpace(body, top.bodyStart);
  return Buffer.concat([body.subarray(0, at), Buffer.from(`"prompt_cache_key":"${key}",`), body.subarray(at)]);
}
