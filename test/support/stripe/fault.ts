/** An answer that Stripe would refuse a request with. */
export class StripeFault extends Error {
  constructor(
    readonly status: number,
    readonly type: 'invalid_request_error' | 'card_error' | 'idempotency_error' | 'api_error',
    message: string,
    readonly details: { readonly code?: string; readonly param?: string } = {},
  ) {
    super(message);
  }

  body(): Record<string, unknown> {
    return { error: { type: this.type, message: this.message, ...this.details } };
  }
}

export const missing = (what: string, id: string, param = 'id'): StripeFault => new StripeFault(404, 'invalid_request_error', `No such ${what}: '${id}'`, { code: 'resource_missing', param });
export const refused = (message: string, param?: string, code?: string): StripeFault => new StripeFault(400, 'invalid_request_error', message, { ...(param === undefined ? {} : { param }), ...(code === undefined ? {} : { code }) });
