/** What went over the wire below an SDK. */
export interface Exchange {
  readonly status: number;
  readonly requestId: string | null;
  /** The body of a refusal; null for an answer, which is the SDK's. */
  readonly refusal: { readonly code: unknown; readonly param: unknown } | null;
}

/**
 * A `fetch` for SDKs that remembers what was answered. It changes nothing, but for one thing: an abort's error is made
 * by Node itself, outside of jest's world, where its `Error` is another one, and SDKs that ask `instanceof Error` take it
 * for none. Here it is made anew in ours.
 */
export class Tap {
  readonly exchanges: Exchange[] = [];

  readonly fetch: typeof fetch = async (input, init) => {
    const response = await fetch(input, init).catch((error: unknown) => {
      const { name, message } = error as Error;
      throw Object.assign(new Error(message), { name, cause: error });
    });
    const refusal = response.ok ? null : refusalIn(await response.clone().text());
    this.exchanges.push({ status: response.status, requestId: response.headers.get('x-request-id'), refusal });
    return response;
  };

  get last(): Exchange | undefined {
    return this.exchanges.at(-1);
  }
}

/** OpenAI's errors and Anthropic's have both `error` with our `code` and `param` in it. */
function refusalIn(text: string): NonNullable<Exchange['refusal']> {
  try {
    const { error } = JSON.parse(text) as { error?: { code?: unknown; param?: unknown } };
    return { code: error?.code ?? null, param: error?.param ?? null };
  } catch {
    return { code: null, param: null };
  }
}
