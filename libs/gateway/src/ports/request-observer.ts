import { type Uuid } from '@apex/common';
import { type RequestTrace, type TraceHeaders } from '@apex/telemetry';
import { type AttemptRow, type UsageRecordRow } from '@apex/usage';

/** Told of every request when it comes and, if it is recorded, when it has ended. On the hot path: it counts and returns. */
export abstract class RequestObserver {
  /** The trace that a request belongs to, by its caller's headers; null: there is none, and none goes on to the provider. */
  abstract begin(requestId: Uuid, headers: TraceHeaders): RequestTrace | null;
  abstract observe(record: UsageRecordRow, attempts: readonly AttemptRow[], trace: RequestTrace | null): void;
}
