import { type UsageRecordRow } from '@apex/usage';

/** Told of every recorded request, on the hot path: it counts and returns. */
export abstract class RequestObserver {
  abstract observe(record: UsageRecordRow): void;
}
