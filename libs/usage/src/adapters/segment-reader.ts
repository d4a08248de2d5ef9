import { open } from 'node:fs/promises';
import { MAX_FRAME_BYTES, type RowVisitor, scanFrames } from '../core/journal.codec.js';

export interface ReadStatistics {
  /** Places where the file was damaged; the frames around them were read. */
  damaged: number;
  /** Bytes at the end of segments that were no whole frame. */
  torn: number;
}

const CHUNK_BYTES = 1 << 20;

/** Reads segments piece by piece with one buffer, whatever their size. */
export class SegmentReader {
  readonly statistics: ReadStatistics = { damaged: 0, torn: 0 };
  private buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);

  /**
   * Shows the visitor the rows between `offset` and `limit`, a place between two groups or the file's end, until it
   * wants no more.
   * @returns the offset behind the last frame shown; `limit` when there is nothing left
   */
  async read(path: string, offset: number, limit: number, visitor: RowVisitor): Promise<number> {
    const file = await open(path, 'r');
    try {
      let at = offset;
      while (at < limit && (at === offset || visitor.wantsMore())) {
        const wanted = Math.min(this.buffer.length, limit - at);
        const { bytesRead } = await file.read(this.buffer, 0, wanted, at);
        const atEnd = bytesRead < wanted || at + bytesRead >= limit;
        const result = scanFrames(this.buffer.subarray(0, bytesRead), atEnd, visitor);
        this.statistics.damaged += result.damaged;
        this.statistics.torn += result.torn;
        at += result.consumed;
        if (bytesRead < wanted && result.consumed === bytesRead) return limit;
        if (result.consumed === 0) this.grow();
      }
      return at;
    } finally {
      await file.close();
    }
  }

  private grow(): void {
    const size = Math.min(this.buffer.length * 2, MAX_FRAME_BYTES);
    if (size === this.buffer.length) throw new Error('a frame is larger than any writer makes it');
    this.buffer = Buffer.allocUnsafeSlow(size);
  }
}
