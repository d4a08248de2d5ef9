import { type TokenUsage } from '@apex/usage';
import { z } from 'zod';

/** Where an answer lies. */
export interface CacheSlot {
  readonly customerId: string;
  /** `exactKey` of the request. */
  readonly hash: string;
}

/** A good answer as a client saw it, with what its receipt needs to know. Immutable: many requests share one. */
export interface CachedAnswer extends CacheSlot {
  readonly status: number;
  readonly contentType: string | null;
  readonly streamed: boolean;
  /** As they were written. The last one of a stream holds the event that ends it. */
  readonly chunks: readonly Buffer[];
  /** Hints of the request that its provider had no use for. */
  readonly ignored: readonly string[];
  readonly usage: TokenUsage;
  readonly usageSource: 'provider' | 'tokenizer';
  /** Who answered. */
  readonly provider: string;
  readonly model: string;
  readonly requestedModel: string;
  /** Of the request that it was an answer to. */
  readonly tags: readonly string[];
  /** Unix ms. */
  readonly storedAt: number;
  readonly expiresAt: number;
  /** See `Marks`. */
  readonly epoch: number;
}

const count = z.int().nonnegative();
const headSchema = z.tuple([
  z.object({
    c: z.string(),
    k: z.string(),
    s: z.int().min(200).max(299),
    t: z.string().nullable(),
    sse: z.boolean(),
    n: z.array(count),
    i: z.array(z.string()),
    u: z.tuple([count, count, count, count, count]),
    us: z.enum(['provider', 'tokenizer']),
    p: z.string(),
    m: z.string(),
    r: z.string(),
    g: z.array(z.string()),
    at: z.int(),
    x: z.int(),
    e: count,
  }),
]);
type Head = z.infer<typeof headSchema>;

const VERSION = 1;
const PREFIX_BYTES = 5;

/** version (1 byte) | length of the head (4, big-endian) | head as JSON | the chunks */
export function encodeCached(answer: CachedAnswer): Buffer {
  const { usage } = answer;
  const head: Head = [
    {
      c: answer.customerId,
      k: answer.hash,
      s: answer.status,
      t: answer.contentType,
      sse: answer.streamed,
      n: answer.chunks.map(({ length }) => length),
      i: [...answer.ignored],
      u: [usage.promptTokens, usage.cachedTokens, usage.cacheWriteTokens, usage.completionTokens, usage.reasoningTokens],
      us: answer.usageSource,
      p: answer.provider,
      m: answer.model,
      r: answer.requestedModel,
      g: [...answer.tags],
      at: answer.storedAt,
      x: answer.expiresAt,
      e: answer.epoch,
    },
  ];
  const json = Buffer.from(JSON.stringify(head));
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix[0] = VERSION;
  prefix.writeUInt32BE(json.length, 1);
  return Buffer.concat([prefix, json, ...answer.chunks]);
}

/** @throws Error for anything that `encodeCached` of this version did not make, and for an answer that belongs elsewhere */
export function decodeCached(bytes: Buffer, slot: CacheSlot): CachedAnswer {
  if (bytes[0] !== VERSION) throw new Error('a cached answer of an unknown version');
  let at = PREFIX_BYTES + bytes.readUInt32BE(1);
  const [head] = headSchema.parse(JSON.parse(bytes.toString('utf8', PREFIX_BYTES, at)));
  if (head.c !== slot.customerId || head.k !== slot.hash) throw new Error('a cached answer of another request');
  const chunks = head.n.map((length) => bytes.subarray(at, (at += length)));
  if (at !== bytes.length) throw new Error('a cached answer that is cut off');
  const [promptTokens, cachedTokens, cacheWriteTokens, completionTokens, reasoningTokens] = head.u;
  return {
    customerId: head.c,
    hash: head.k,
    status: head.s,
    contentType: head.t,
    streamed: head.sse,
    chunks,
    ignored: head.i,
    usage: { promptTokens, cachedTokens, cacheWriteTokens, completionTokens, reasoningTokens },
    usageSource: head.us,
    provider: head.p,
    model: head.m,
    requestedModel: head.r,
    tags: head.g,
    storedAt: head.at,
    expiresAt: head.x,
    epoch: head.e,
  };
}

/** A clock may be a little behind another one; an answer from further in the future was stored before a clock was put back. */
const SKEW_MS = 60_000;

/** Whether an answer is neither too old for its own time to live nor for the one that now holds, in ms. */
export const isFresh = (answer: CachedAnswer, ttlMs: number, nowMs: number): boolean =>
  nowMs < answer.expiresAt && nowMs < answer.storedAt + ttlMs && answer.storedAt <= nowMs + SKEW_MS;
