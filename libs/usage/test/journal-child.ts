import { writeSync } from 'node:fs';
import { JournalHome } from '../src/adapters/journal-home.js';
import { JournalWriter } from '../src/adapters/journal-writer.js';
import { closedRequest, openEntry } from './rows.js';

/**
 * Records requests as fast as it can, until it is killed, and says on stdout what `done` has confirmed:
 * `o <request id>` and `c <request id>`. Every eighth request stays open. Small segments, so that they rotate.
 */
const held = await new JournalHome(process.argv[2]!).take();
const writer = new JournalWriter({ directory: held.directory, firstSegment: (held.leftover.at(-1)?.number ?? 0) + 1, sync: 'second', segmentBytes: 64 << 10 });

/** Returns when the line is the parent's: its pipe does not block, so a full one is tried again. */
function say(line: string): void {
  for (;;) {
    try {
      writeSync(1, `${line}\n`);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}

let started = 0;
function next(): void {
  const request = closedRequest();
  const id = request.record.request_id;
  const staysOpen = started++ % 8 === 0;
  writer.open(openEntry(request), (openError) => {
    if (openError) throw openError;
    say(`o ${id}`);
    if (staysOpen) return void setImmediate(next);
    writer.close(request.record, request.attempts, (closeError) => {
      if (closeError) throw closeError;
      say(`c ${id}`);
      setImmediate(next);
    });
  });
}
for (let i = 0; i < 16; i++) next();
