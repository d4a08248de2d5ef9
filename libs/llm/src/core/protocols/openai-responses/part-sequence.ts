import { type AnswerEvent, type PartDelta, type PartStart } from '../../dialogue/answer.js';
import { ProtocolViolation } from '../../dialogue/codec.js';

/** A part that has begun at the provider's. */
export interface OpenPart {
  readonly type: PartStart['type'];
  /** Characters of it that came, told or waiting. */
  length: number;
}

interface Held extends OpenPart {
  readonly start: PartStart;
  readonly waiting: PartDelta[];
  closed: boolean;
}

/**
 * Puts parts one after the other. Here items may come interleaved, each event naming its item; elsewhere they may not. What
 * belongs to the first open part goes out as it comes; what belongs to a later one waits until those before it have ended,
 * which OpenAI's own streams never make it do.
 */
export class PartSequence {
  /** The first one is being told. */
  private readonly open: Held[] = [];
  private told: AnswerEvent[] = [];
  private next = 0;

  begin(start: PartStart): OpenPart {
    const part: Held = { type: start.type, start, waiting: [], closed: false, length: 0 };
    this.open.push(part);
    if (this.open.length === 1) this.told.push({ type: 'part_start', candidate: 0, part: this.next, start });
    return part;
  }

  /** @throws ProtocolViolation for a part that has ended */
  delta(part: OpenPart, delta: PartDelta): void {
    const held = part as Held;
    if (delta.type !== 'signature') {
      if (delta.text === '') return;
      held.length += delta.text.length;
    }
    if (held.closed) throw new ProtocolViolation('A part of the stream goes on after its end.');
    if (held === this.open[0]) this.told.push({ type: 'delta', candidate: 0, part: this.next, delta });
    else held.waiting.push(delta);
  }

  end(part: OpenPart): void {
    (part as Held).closed = true;
    while (this.open[0]?.closed === true) {
      this.told.push({ type: 'part_end', candidate: 0, part: this.next });
      this.next += 1;
      this.open.shift();
      const following = this.open[0];
      if (following === undefined) return;
      this.told.push({ type: 'part_start', candidate: 0, part: this.next, start: following.start });
      for (const delta of following.waiting.splice(0)) this.told.push({ type: 'delta', candidate: 0, part: this.next, delta });
    }
  }

  /** What has been told since the last time. */
  take(): AnswerEvent[] {
    const { told } = this;
    this.told = [];
    return told;
  }
}
