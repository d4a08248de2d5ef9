import { type BeforeApplicationShutdown, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { ApexError, type Clock, SystemClock } from '@apex/common';
import { type DataSource } from 'typeorm';
import { Batcher } from './adapters/batcher.js';
import { type JournalFs } from './adapters/journal-files.js';
import { type HeldJournal, JournalHome } from './adapters/journal-home.js';
import { JournalWriter } from './adapters/journal-writer.js';
import { ensurePartitions } from './adapters/partitions.js';
import { RecordStore } from './adapters/record-store.js';
import { replaySegments } from './adapters/replay.js';
import { type JournalSync } from './adapters/segment-files.js';

export interface UsageConfig {
  /** `APEX_HOME`; the journals are in `journal/` below it. */
  readonly home: string;
  /** The journal's name; by default the first free one of p0, p1, ... */
  readonly journalName?: string;
  readonly sync: JournalSync;
}

export interface RecordingOptions extends UsageConfig {
  readonly dataSource: DataSource;
  readonly clock?: Clock;
  readonly fs?: JournalFs;
  readonly segmentBytes?: number;
  /** How often journals without an owner are looked for, after the start. */
  readonly adoptEveryMs?: number;
}

export interface RecordingStatistics {
  /** Journalled bytes of this process that are not in Postgres yet. */
  readonly backlogBytes: number;
  /** How long the oldest of them have been waiting. */
  readonly backlogAgeMs: number;
  /** Journals of dead processes that are not in Postgres yet. */
  readonly orphansWaiting: number;
  readonly insertedRecords: number;
  /** Records Postgres refuses; see `journal/rejected.jsonl`. Anything but 0 needs a person. */
  readonly rejectedRecords: number;
  /** Requests of dead processes that were recorded as `interrupted`. */
  readonly interruptedRecords: number;
  readonly damagedPlaces: number;
  /** Opens and closes that could not be written. */
  readonly writeErrors: number;
  readonly syncErrors: number;
  /** Why Postgres cannot be reached, while it cannot. */
  readonly lastError: string | null;
}

const FLUSH_ON_SHUTDOWN_MS = 10_000;
const ADOPT_AT_START_MS = 5_000;
/** A process beside this one may die for good; its journal must not wait for the next start. */
const ADOPT_EVERY_MS = 60_000;
const LAST_CHANCE_MS = 250;
const DAY_MS = 86_400_000;

/**
 * The life of this process' journal: takes a directory, adopts those of dead processes, moves records into Postgres,
 * and at the end flushes and gives the directory back.
 */
export class RecordingService implements OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown {
  readonly recorder: JournalWriter;
  private readonly log = new Logger('Recording');
  private readonly store: RecordStore;
  private readonly batcher: Batcher;
  private readonly stopping = new AbortController();
  private readonly clock: Clock;
  /** What an earlier holder of our journal left in it, until that is in Postgres. */
  private ownLeftover: HeldJournal | null;
  private waitingJournals: number;
  private adoption: Promise<void> = Promise.resolve();
  private readonly timers: NodeJS.Timeout[] = [];
  private interrupted = 0;
  private damaged = 0;
  private stopped: Promise<void> | null = null;
  private flushDeadline: number | null = null;

  private constructor(
    private readonly options: RecordingOptions,
    private readonly home: JournalHome,
    private readonly own: HeldJournal,
  ) {
    this.clock = options.clock ?? new SystemClock();
    this.recorder = new JournalWriter({
      directory: own.directory,
      firstSegment: (own.leftover.at(-1)?.number ?? 0) + 1,
      sync: options.sync,
      ...(options.segmentBytes !== undefined && { segmentBytes: options.segmentBytes }),
      ...(options.fs && { fs: options.fs }),
    });
    this.store = new RecordStore((sql, parameters) => options.dataSource.query(sql, parameters), home.rejectedPath);
    this.batcher = new Batcher(this.recorder, this.store);
    this.ownLeftover = own.leftover.length > 0 ? { ...own, release: () => undefined } : null;
    this.waitingJournals = this.ownLeftover ? 1 : 0;
  }

  /** Takes a journal; from now on the recorder can be used. Nothing reaches Postgres before `start`. */
  static async open(options: RecordingOptions): Promise<RecordingService> {
    const home = new JournalHome(options.home);
    return new RecordingService(options, home, await home.take(options.journalName));
  }

  /** Makes partitions, adopts what dead processes left (in the background when it takes long) and starts the batcher. */
  async start(): Promise<void> {
    await this.makePartitions();
    this.batcher.start();
    this.adoptNext();
    this.timers.push(setInterval(() => void this.makePartitions(), DAY_MS).unref(), setInterval(() => this.adoptNext(), this.options.adoptEveryMs ?? ADOPT_EVERY_MS).unref());
    let giveUp: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      giveUp = setTimeout(() => {
        this.log.warn('earlier journals are still being replayed; going on meanwhile');
        resolve();
      }, ADOPT_AT_START_MS);
    });
    await Promise.race([this.adoption, patience]);
    clearTimeout(giveUp);
  }

  /** Resolves when everything closed so far, and all that was adopted, is in Postgres. */
  async flush(): Promise<void> {
    await Promise.all([this.adoption, this.batcher.flush()]);
  }

  /**
   * As `flush`, but not for longer than `ms`.
   * @throws ApexError 503 `records_waiting`; the records stay in the journal and are stored later
   */
  async flushWithin(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      const tell = (): void => reject(new ApexError('records_waiting', 503, `${this.batcher.backlogBytes()} bytes of records wait in the journal: the database does not take them.`, { severity: 'operational' }));
      timer = setTimeout(tell, ms);
    });
    try {
      await Promise.race([this.flush(), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Flushes within a bound, ends the journal and gives its directory back. What Postgres did not take stays in it. */
  stop(): Promise<void> {
    return (this.stopped ??= this.shutDown());
  }

  statistics(): RecordingStatistics {
    return {
      backlogBytes: this.batcher.backlogBytes(),
      backlogAgeMs: this.batcher.backlogAgeMs(),
      orphansWaiting: this.waitingJournals,
      insertedRecords: this.store.statistics.inserted,
      rejectedRecords: this.store.statistics.rejected,
      interruptedRecords: this.interrupted,
      damagedPlaces: this.damaged + this.batcher.damaged,
      writeErrors: this.recorder.writeErrors,
      syncErrors: this.recorder.syncErrors,
      lastError: this.store.statistics.lastError,
    };
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.start();
  }

  /** Other modules, the database's among them, may end before this one does: what is there now goes now. */
  async beforeApplicationShutdown(): Promise<void> {
    if (!this.stopped) await this.lastFlush();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.stop();
  }

  private async makePartitions(): Promise<void> {
    try {
      await ensurePartitions(this.options.dataSource, this.clock.now());
    } catch (error) {
      this.log.warn(`partitions could not be made, rows go to the default one: ${(error as Error).message}`);
    }
  }

  /** One adoption after the other. */
  private adoptNext(): void {
    this.adoption = this.adoption.then(() => this.adopt()).catch((error: unknown) => this.log.error(`earlier journals could not be looked for: ${String(error)}`));
  }

  private async adopt(): Promise<void> {
    if (this.stopping.signal.aborted) return;
    const orphans = await this.home.takeOrphans();
    const own = this.ownLeftover;
    this.waitingJournals = orphans.length + (own ? 1 : 0);
    for (const journal of own ? [own, ...orphans] : orphans) {
      try {
        const report = await replaySegments(journal.leftover, this.store, this.stopping.signal);
        this.waitingJournals -= 1;
        if (journal === own) this.ownLeftover = null;
        this.interrupted += report.interrupted;
        this.damaged += report.damaged;
      } catch (error) {
        if (!this.stopping.signal.aborted) this.log.error(`${journal.directory} could not be replayed and waits for the next try: ${String(error)}`);
      } finally {
        journal.release();
      }
    }
  }

  private async shutDown(): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    await this.lastFlush();
    await this.recorder.end();
    // The last segment is sealed now; once it is seen to its end it goes.
    if (this.batcher.backlogBytes() === 0) await this.lastFlush();
    this.stopping.abort(new Error('shutting down'));
    await this.batcher.stop();
    await this.adoption;
    await this.recorder.segments.settled();
    this.own.release();
  }

  /** All flushes of a shutdown share one bound. */
  private async lastFlush(): Promise<void> {
    this.flushDeadline ??= performance.now() + FLUSH_ON_SHUTDOWN_MS;
    try {
      await this.flushWithin(Math.max(LAST_CHANCE_MS, this.flushDeadline - performance.now()));
    } catch (error) {
      this.log.warn(`${(error as Error).message} They are stored at the next start.`);
    }
  }
}
