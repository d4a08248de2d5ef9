/** What the body says, as far as Apex needs to know. Everything else in it passes through unread. */
export interface Call {
  readonly model: string;
  readonly stream: boolean;
  /** The client itself asked for the usage of a stream, or its protocol always tells it. */
  readonly wantsUsageChunk: boolean;
  /** The body has a top-level `stream_options` of any value. */
  readonly hasStreamOptions: boolean;
}

/** An answer of Apex itself; each surface puts it into the shape that its SDKs know. */
export interface Refusal {
  readonly httpStatus: number;
  readonly type: string;
  readonly code: string;
  readonly message: string;
  readonly param: string | null;
  readonly retryAfterSeconds?: number;
  /** The same request will never be served: SDKs that would try again by themselves are told not to. */
  readonly final?: true;
}
