import { type Receipt } from '../core/savings/receipt.types.js';
import { type AttemptRow, type OpenEntry, type UsageRecordRow } from '../core/usage.types.js';

/**
 * The hot path's way into the books. Both calls return at once; `done` runs when the entry has been handed to the
 * operating system (a completed write(2), which survives this process' death), several entries sharing one write.
 *
 * - `open` must be done before the upstream call starts.
 * - `close` must be done before the response's last byte leaves. Requests that were denied close without an open.
 *   Its receipt, where it has one, goes into the books with it.
 * - `done(error)` means: not written. The caller must not go on as if it were.
 */
export abstract class UsageRecorder {
  abstract open(entry: OpenEntry, done: (error?: Error) => void): void;
  abstract close(record: UsageRecordRow, attempts: readonly AttemptRow[], done: (error?: Error) => void, receipt?: Receipt | null): void;
}
