import { createHmac } from 'node:crypto';
import { type StripeEvent } from './objects.js';

/** Numbers in [0, 1) that are the same in every run: mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The events in some order, some of them twice or three times: as a sender with retries and many hands delivers them. */
export function shuffledWithDuplicates(events: readonly StripeEvent[], random: () => number): StripeEvent[] {
  const all = events.flatMap((event) => Array.from({ length: random() < 0.3 ? (random() < 0.3 ? 3 : 2) : 1 }, () => event));
  for (let i = all.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [all[i], all[j]] = [all[j]!, all[i]!];
  }
  return all;
}

export interface Delivery {
  readonly body: string;
  readonly signature: string;
}

/** An event as Stripe posts it. `timestamp` in seconds; a forger signs with another secret. */
export function signed(event: StripeEvent, secret: string, timestamp: number): Delivery {
  const body = JSON.stringify(event, null, 2);
  return { body, signature: `t=${timestamp},v1=${createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')}` };
}

/** Posts it to the endpoint. */
export function post(url: string, { body, signature }: Delivery): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { 'content-type': 'application/json; charset=utf-8', 'stripe-signature': signature }, body });
}
