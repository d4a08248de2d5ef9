export type Severity = 'expected' | 'operational' | 'defect';

/**
 * An error with a stable code. `expected` is the caller's doing (4xx), `operational` the world's (a store is away),
 * `defect` ours. `message` is shown to callers: it never holds a secret or a body.
 */
export class ApexError extends Error {
  constructor(
    readonly code: string,
    readonly httpStatus: number,
    message: string,
    readonly options: { severity?: Severity; param?: string | null; details?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'ApexError';
  }

  get severity(): Severity {
    return this.options.severity ?? (this.httpStatus < 500 ? 'expected' : 'defect');
  }
}

export const notFound = (what: string): ApexError => new ApexError('not_found', 404, `No such ${what}.`);
export const conflict = (code: string, message: string): ApexError => new ApexError(code, 409, message);
export const invalid = (message: string, param?: string, details?: Record<string, unknown>): ApexError =>
  new ApexError('invalid_request', 400, message, { param: param ?? null, details });
