import { type Fields } from '@apex/common';
import { type Protocol } from '@apex/llm';
import { type Surface } from '@apex/usage';
import { type Call, type Refusal } from '../call.js';

export type BodyCheck = { readonly ok: true; readonly call: Call } | { readonly ok: false; readonly refusal: Refusal };

/** What differs between the APIs that clients speak to Apex. */
export interface SurfaceSpec {
  readonly surface: Surface;
  /** null: embeddings, which are not translated. */
  readonly protocol: Protocol | null;
  /** The members that Apex itself relies on; the rest is the provider's to check. */
  check(body: Fields): BodyCheck;
  /** A refusal in the shape that this API's SDKs raise as their own errors. */
  errorBody(refusal: Refusal, requestId: string): Buffer;
  /** The same inside a stream that has begun. */
  errorEvent(refusal: Refusal, requestId: string): Buffer;
}
