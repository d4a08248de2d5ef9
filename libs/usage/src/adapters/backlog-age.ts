import { type JournalPosition } from './segment-files.js';

/** Positions that lie closer together than this in time share a mark. */
const MARK_EVERY_MS = 100;
/** With more marks than this, neighbours are merged: a backlog of hours is told to the minute, in bounded memory. */
const MAX_MARKS = 512;

interface Mark {
  /** What lies between the mark before and here was written at `at`, or later. */
  position: JournalPosition;
  readonly at: number;
}

/** How long the oldest bytes between a reader's cursor and a journal's end have been waiting. Never tells less than it is. */
export class BacklogAge {
  private marks: Mark[] = [];

  /** @param now milliseconds of a clock that is never set back */
  constructor(private readonly now: () => number = () => performance.now()) {}

  /** The journal has just grown to `position`. */
  written(position: JournalPosition): void {
    const at = this.now();
    const last = this.marks.at(-1);
    if (last !== undefined && at - last.at < MARK_EVERY_MS) {
      last.position = position;
      return;
    }
    this.marks.push({ position, at });
    if (this.marks.length > MAX_MARKS) this.merge();
  }

  /** The reader has come to `cursor`. */
  reached(cursor: JournalPosition): void {
    let done = 0;
    while (done < this.marks.length && !isBehind(cursor, this.marks[done]!.position)) done++;
    if (done > 0) this.marks.splice(0, done);
  }

  /** Milliseconds; 0 when nothing waits. */
  ms(): number {
    const [oldest] = this.marks;
    return oldest === undefined ? 0 : this.now() - oldest.at;
  }

  private merge(): void {
    const merged: Mark[] = [];
    for (let i = 0; i < this.marks.length; i += 2) merged.push({ position: (this.marks[i + 1] ?? this.marks[i]!).position, at: this.marks[i]!.at });
    this.marks = merged;
  }
}

const isBehind = (cursor: JournalPosition, position: JournalPosition): boolean =>
  cursor.segment < position.segment || (cursor.segment === position.segment && cursor.offset < position.offset);
