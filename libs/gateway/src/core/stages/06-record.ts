import { type RequestObserver } from '../../ports/request-observer.js';
import { type UsageRecorder } from '@apex/usage';
import { type Attributed } from '../types.js';

/**
 * Puts a request into the books. Every authenticated request comes through here: answered, refused, failed,
 * cut off or abandoned. `done(error)`: it is not in the books, and the answer must not pretend that it is.
 */
export function record(attributed: Attributed, recorder: UsageRecorder, observer: RequestObserver, done: (error?: Error) => void): void {
  recorder.close(attributed.record, attributed.attempts, done, attributed.receipt);
  observer.observe(attributed.record, attributed.attempts, attributed.trace);
}
