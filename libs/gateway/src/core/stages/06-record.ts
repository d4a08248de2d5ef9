import { type RequestObserver } from '../../ports/request-observer.js';
import { type UsageRecorder } from '@apex/usage';
import { type RequestLimits } from '../limits/request-limits.js';
import { type Attributed } from '../types.js';

export interface RecordDeps {
  readonly recorder: UsageRecorder;
  readonly observer: RequestObserver;
  readonly requestLimits: Pick<RequestLimits, 'settle'>;
}

/**
 * Puts a request into the books. Every authenticated request comes through here: answered, refused, failed,
 * cut off or abandoned; what it had reserved and not used is free from here on. `done(error)`: it is not in the books, and the answer must not pretend that it is.
 */
export function record(attributed: Attributed, { recorder, observer, requestLimits }: RecordDeps, done: (error?: Error) => void): void {
  requestLimits.settle(attributed);
  recorder.close(attributed.record, attributed.attempts, done, attributed.receipt);
  observer.observe(attributed.record, attributed.attempts, attributed.trace);
}
