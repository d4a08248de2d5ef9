import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newId } from '@apex/common';
import { JournalWriter } from '../libs/usage/src/adapters/journal-writer.js';
import { type AttemptRow, type OpenEntry, type UsageRecordRow } from '../libs/usage/src/core/usage.types.js';
import { closedRequest, openEntry } from '../libs/usage/test/rows.js';

/**
 * What recording costs a request: one open and one close, handed over and written, without Postgres.
 * Run: node --import ./test/support/typescript-hooks.mjs bench/journal.ts [directory]
 */
const ROUNDS = 5;
const PAIRS = 40_000;

interface Pair {
  readonly open: OpenEntry;
  readonly record: UsageRecordRow;
  readonly attempts: readonly AttemptRow[];
}

function makePairs(count: number): Pair[] {
  return Array.from({ length: count }, () => {
    const request = closedRequest({ request_id: newId() });
    return { open: openEntry(request), record: request.record, attempts: request.attempts };
  });
}

interface Cost {
  /** Microseconds per open and close. */
  readonly elapsed: number;
  /** Of which the process' threads computed; the figure that other load on the machine does not change. */
  readonly cpu: number;
}

/** Records the pairs, `groupSize` requests at a time. */
async function measure(writer: JournalWriter, pairs: readonly Pair[], groupSize: number): Promise<Cost> {
  const started = process.hrtime.bigint();
  const cpuStarted = process.cpuUsage();
  await new Promise<void>((resolve, reject) => {
    let next = 0;
    const group = (): void => {
      if (next >= pairs.length) return resolve();
      const members = pairs.slice(next, next + groupSize);
      next += members.length;
      let left = members.length;
      for (const pair of members) {
        writer.open(pair.open, (failed) => {
          if (failed) return reject(failed);
          writer.close(pair.record, pair.attempts, (error) => {
            if (error) return reject(error);
            if (--left === 0) group();
          });
        });
      }
    };
    group();
  });
  const elapsed = Number(process.hrtime.bigint() - started) / 1_000 / pairs.length;
  const { user, system } = process.cpuUsage(cpuStarted);
  return { elapsed, cpu: (user + system) / pairs.length };
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!;

const root = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'apex-bench-journal-'));
const pairs = makePairs(PAIRS);
for (const sync of ['second', 'always'] as const) {
  for (const groupSize of [1, 64]) {
    const directory = mkdtempSync(join(root, 'j-'));
    const writer = new JournalWriter({ directory, firstSegment: 1, sync });
    // A single request at a time with a sync each measures the disk: fewer of them do.
    const sample = sync === 'always' && groupSize === 1 ? pairs.slice(0, 500) : pairs;
    await measure(writer, sample, groupSize);
    const rounds: Cost[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      rounds.push(await measure(writer, sample, groupSize));
      for (const segment of writer.segments.list()) writer.segments.committed(segment);
    }
    await writer.end();
    const elapsed = median(rounds.map((round) => round.elapsed));
    const cpu = median(rounds.map((round) => round.cpu));
    const rate = Math.round(2e6 / elapsed).toLocaleString('en');
    console.log(`sync=${sync.padEnd(6)} group=${String(groupSize).padStart(2)}  ${elapsed.toFixed(2).padStart(8)} us and ${cpu.toFixed(2).padStart(6)} us CPU per open+close  ${rate.padStart(9)} entries/s`);
  }
}
rmSync(root, { recursive: true });
