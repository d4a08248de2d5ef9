import { type Message } from './prompts.js';

export interface Played {
  readonly ok: boolean;
  readonly httpStatus: number;
  readonly tokens: number;
  /** Picodollars as the gateway said; null when the model has no price. */
  readonly cost: bigint | null;
  /** Picodollars, as the gateway said. */
  readonly saving: bigint;
  /** null: nobody answered. */
  readonly requestId: string | null;
  readonly latencyMs: number;
  readonly cohort: string;
  /** An error's stable code. */
  readonly error: string | null;
}

export interface PlayOptions {
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly model: string;
  readonly concurrency: number;
  /** Marks the run's records. */
  readonly tag: string;
  readonly onPlayed: (played: Played) => void;
}

/** Sends every chat through the gateway, `concurrency` at a time, in the order given. A chat that comes again may be answered from the exact cache, although its answer was drawn at random. */
export async function play(chats: readonly (readonly Message[])[], options: PlayOptions): Promise<Played[]> {
  const results: Played[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < chats.length; i = next++) {
      const played = await playOne(chats[i]!, options);
      results.push(played);
      options.onPlayed(played);
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.concurrency, chats.length) }, worker));
  return results;
}

async function playOne(messages: readonly Message[], { baseUrl, apiKey, model, tag }: PlayOptions): Promise<Played> {
  const since = performance.now();
  try {
    const response = await fetch(`${baseUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', 'x-apex-tags': tag, 'x-apex-cache': 'exact' },
      body: JSON.stringify({ model, messages }),
    });
    const body = (await response.json()) as { error?: { code?: string | null; type?: string } };
    return {
      ok: response.ok,
      httpStatus: response.status,
      tokens: Number(response.headers.get('x-tokens-used') ?? 0),
      cost: toPicodollars(response.headers.get('x-apex-cost-usd')),
      saving: toPicodollars(response.headers.get('x-apex-savings-usd')) ?? 0n,
      requestId: response.headers.get('x-request-id'),
      latencyMs: performance.now() - since,
      cohort: response.headers.get('x-apex-cohort') ?? 'unknown',
      error: response.ok ? null : (body.error?.code ?? body.error?.type ?? `status ${response.status}`),
    };
  } catch (error) {
    return { ok: false, httpStatus: 0, tokens: 0, cost: 0n, saving: 0n, requestId: null, latencyMs: performance.now() - since, cohort: 'unknown', error: error instanceof Error ? error.message : String(error) };
  }
}

/** The header has all twelve decimals: without the point it is the whole number of picodollars. */
function toPicodollars(header: string | null): bigint | null {
  if (header === null) return 0n;
  return /^-?\d+\.\d{12}$/.test(header) ? BigInt(header.replace('.', '')) : null;
}
