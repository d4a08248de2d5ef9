export type BodyOutcome =
  | { readonly kind: 'body'; readonly body: Buffer }
  | { readonly kind: 'too_large'; readonly limit: number }
  | { readonly kind: 'gone' };

/** The request's body, not read until somebody wants it. */
export interface BodyReader {
  /** Calls back exactly once. */
  read(done: (outcome: BodyOutcome) => void): void;
  /** Nobody wants it. */
  discard(): void;
}
