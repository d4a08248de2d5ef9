import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { closedRequest, openEntry } from '../../test/rows.js';
import { close, journalled, open } from '../../test/journal-files.js';
import { listSegments, type JournalFs } from './journal-files.js';
import { JournalWriter, type JournalWriterOptions } from './journal-writer.js';

describe('the journal writer', () => {
  let directory: string;
  let writer: JournalWriter;

  const start = (options: Partial<JournalWriterOptions> = {}): JournalWriter => (writer = new JournalWriter({ directory, firstSegment: 1, sync: 'second', ...options }));

  beforeAll(() => Logger.overrideLogger(false));
  afterAll(() => Logger.overrideLogger(new Logger()));
  beforeEach(() => {
    directory = fs.mkdtempSync(join(tmpdir(), 'apex-journal-'));
  });
  afterEach(async () => {
    await writer.end();
    fs.rmSync(directory, { recursive: true });
  });

  it('writes what one turn of the event loop brings by one write', async () => {
    let writes = 0;
    const counting: JournalFs = { ...fs, writeSync: ((...args: Parameters<typeof fs.writeSync>) => (writes++, fs.writeSync(...args))) as typeof fs.writeSync };
    start({ fs: counting });
    const requests = Array.from({ length: 64 }, () => closedRequest());
    await Promise.all(requests.map((request) => open(writer, openEntry(request))));
    expect(writes).toBe(1);
    await Promise.all(requests.map((request) => close(writer, request)));
    expect(writes).toBe(2);
    const ids = requests.map(({ record }) => record.request_id);
    expect(await journalled(directory)).toEqual({ opens: ids, closes: ids });
  });

  it('says done only when the bytes are in the file', async () => {
    start();
    const request = closedRequest();
    let told = false;
    writer.close(request.record, request.attempts, () => {
      told = true;
      const [segment] = listSegments(directory);
      expect(fs.readFileSync(segment!.path).includes(request.record.request_id)).toBe(true);
    });
    expect(told).toBe(false);
    await writer.settled();
    expect(told).toBe(true);
  });

  it('finishes a write that the system cut short', async () => {
    const short: JournalFs = {
      ...fs,
      writeSync: ((fd: number, bytes: Buffer, offset: number, length: number, position: number) => fs.writeSync(fd, bytes, offset, Math.min(length, 100), position)) as typeof fs.writeSync,
    };
    start({ fs: short });
    const request = closedRequest();
    await close(writer, request);
    expect((await journalled(directory)).closes).toEqual([request.record.request_id]);
  });

  it.each([
    ['cuts the file back', true],
    ['leaves the file for a new one when it cannot even cut it back', false],
  ])('when the disk is full it %s, refuses, and goes on once there is room', async (_name, truncates) => {
    let room = Number.POSITIVE_INFINITY;
    const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    const disk: JournalFs = {
      ...fs,
      writeSync: ((fd: number, bytes: Buffer, offset: number, length: number, position: number) => {
        if (room <= 0) throw full;
        const written = fs.writeSync(fd, bytes, offset, Math.min(length, room), position);
        room -= written;
        return written;
      }) as typeof fs.writeSync,
      ftruncateSync: (fd, length) => {
        if (!truncates) throw full;
        fs.ftruncateSync(fd, length);
      },
    };
    start({ fs: disk });
    const requests = Array.from({ length: 4 }, () => closedRequest());
    await open(writer, openEntry(requests[0]!));
    room = 500;
    await expect(close(writer, requests[1]!)).rejects.toMatchObject({ code: 'journal_unwritable', httpStatus: 503, cause: full });
    await expect(open(writer, openEntry(requests[2]!))).rejects.toThrow();
    expect(writer.writeErrors).toBe(2);
    room = Number.POSITIVE_INFINITY;
    await close(writer, requests[3]!);
    await close(writer, requests[0]!);
    const [first, , , last] = requests.map(({ record }) => record.request_id);
    expect(await journalled(directory)).toEqual({ opens: [first], closes: [last, first] });
    expect(listSegments(directory).length).toBe(truncates ? 1 : 2);
  });

  it('keeps a segment while a request opened in it is in flight or its closes are not committed', async () => {
    start({ segmentBytes: 1 });
    const [first, second] = [closedRequest(), closedRequest()];
    await open(writer, openEntry(first)); // segment 1
    await close(writer, second); // segment 2
    await close(writer, first); // segment 3
    const [one, two, three] = writer.segments.list();
    expect([one!.liveOpens, two!.liveOpens, three!.liveOpens]).toEqual([0, 0, 0]);
    writer.segments.committed(two!);
    await writer.segments.settled();
    expect(listSegments(directory).map(({ number }) => number)).toEqual([1, 3]);
    writer.segments.committed(one!);
    writer.segments.committed(three!);
    await writer.segments.settled();
    expect(listSegments(directory)).toEqual([]);
  });

  it('lets the newest open of a request keep its segment, not the earlier ones', async () => {
    start({ segmentBytes: 1 });
    const request = closedRequest();
    await open(writer, openEntry(request));
    await open(writer, openEntry({ ...request, attempts: [...request.attempts, ...request.attempts] }));
    const [one, two] = writer.segments.list();
    writer.segments.committed(one!);
    writer.segments.committed(two!);
    await writer.segments.settled();
    expect(listSegments(directory).map(({ number }) => number)).toEqual([2]);
    await close(writer, request);
    await writer.segments.settled();
    expect(listSegments(directory).map(({ number }) => number)).toEqual([3]);
  });

  it('with sync "always" says done after fdatasync, and collects the next group meanwhile', async () => {
    const syncs: Array<(error: NodeJS.ErrnoException | null) => void> = [];
    let arrived: () => void = () => undefined;
    const nextSync = (): Promise<void> => new Promise((resolve) => (arrived = resolve));
    const disk: JournalFs = {
      ...fs,
      fdatasync: ((_fd: number, done: (error: NodeJS.ErrnoException | null) => void) => {
        syncs.push(done);
        arrived();
      }) as typeof fs.fdatasync,
    };
    start({ sync: 'always', fs: disk });
    const finished: number[] = [];
    const one = nextSync();
    const pending = [close(writer, closedRequest()).then(() => finished.push(0))];
    await one;
    for (const n of [1, 2]) pending.push(close(writer, closedRequest()).then(() => finished.push(n)));
    await new Promise((resolve) => setImmediate(resolve));
    expect([syncs.length, finished]).toEqual([1, []]);
    const two = nextSync();
    syncs[0]!(null);
    await two;
    await pending[0];
    expect([syncs.length, finished]).toEqual([2, [0]]);
    syncs[1]!(null);
    await Promise.all(pending);
    expect(finished).toEqual([0, 1, 2]);

    const third = nextSync();
    const refused = close(writer, closedRequest());
    await third;
    const cause = Object.assign(new Error('input/output error'), { code: 'EIO' });
    syncs[2]!(cause);
    await expect(refused).rejects.toMatchObject({ code: 'journal_unwritable', cause });
    expect(writer.syncErrors).toBe(1);
    // The rotated file's own sync, so that the writer can end.
    await Promise.resolve();
    syncs.slice(3).forEach((done) => done(null));
  });

  it('refuses entries after its end', async () => {
    start();
    await writer.end();
    await expect(close(writer, closedRequest())).rejects.toMatchObject({ code: 'journal_unwritable' });
  });

  it("tells everyone although one caller's callback throws", async () => {
    start();
    const request = closedRequest();
    writer.close(request.record, request.attempts, () => {
      throw new Error('a defect of the caller');
    });
    await close(writer, closedRequest());
    expect((await journalled(directory)).closes).toHaveLength(2);
  });
});
