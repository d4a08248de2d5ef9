import { statSync } from 'node:fs';
import { listSegments } from '../src/adapters/journal-files.js';
import { type JournalWriter } from '../src/adapters/journal-writer.js';
import { SegmentReader } from '../src/adapters/segment-reader.js';
import { rowId, RowType } from '../src/core/journal.codec.js';
import { type AttemptRow, type OpenEntry, type UsageRecordRow } from '../src/core/usage.types.js';

/** `open` as a promise, for tests. */
export const open = (writer: JournalWriter, entry: OpenEntry): Promise<void> =>
  new Promise((resolve, reject) => writer.open(entry, (error) => (error ? reject(error) : resolve())));

/** `close` as a promise, for tests. */
export const close = (writer: JournalWriter, request: { record: UsageRecordRow; attempts: readonly AttemptRow[] }): Promise<void> =>
  new Promise((resolve, reject) => writer.close(request.record, request.attempts, (error) => (error ? reject(error) : resolve())));

/** The requests that a directory's segments hold as opened and as closed, in the order of the files. */
export async function journalled(directory: string): Promise<{ opens: string[]; closes: string[] }> {
  const found: { opens: string[]; closes: string[] } = { opens: [], closes: [] };
  const reader = new SegmentReader();
  for (const { path } of listSegments(directory)) {
    await reader.read(path, 0, statSync(path).size, {
      row: (type, bytes, start) => {
        if (type === RowType.openRecord || type === RowType.openFirst) found.opens.push(rowId(bytes, start));
        if (type === RowType.closeRecord) found.closes.push(rowId(bytes, start));
      },
      wantsMore: () => true,
    });
  }
  return found;
}
