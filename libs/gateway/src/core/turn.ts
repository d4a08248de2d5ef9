import { type Refusal } from './call.js';
import { type TargetBoard } from './resilience/target-board.js';
import { type TargetVerdict } from './resilience/target-health.js';
import { type Candidate, type Decided } from './types.js';
import { type EncodedCall, type Wire } from './wire/wire.js';

/** A target whose turn it is, with the request in its words. All attempts in it are one unit for the target's health. */
export class Turn {
  attempts = 0;
  private over = false;

  constructor(
    readonly candidate: Candidate,
    readonly call: EncodedCall,
    private readonly tell: (verdict: TargetVerdict, nowMs: number) => void,
  ) {}

  /** Only the first word counts. */
  end(verdict: TargetVerdict, nowMs: number): void {
    if (this.over) return;
    this.over = true;
    this.tell(verdict, nowMs);
  }
}

/** The request in a target's words, with what its provider's prompt cache is to know. */
function encode(request: Decided, { wire, target }: Candidate): ReturnType<Wire['encode']> {
  const encoded = wire.encode(request, target);
  return encoded.ok && request.promptCache !== null ? { ok: true, call: request.promptCache.prepare(encoded.call, target) } : encoded;
}

/**
 * Takes the next target that can be asked for this out of those that wait, and forgets those before it. Otherwise tells
 * why there is none: what the first one could not be asked for; null: nothing is left.
 */
export function takeTurn(request: Decided, waiting: Candidate[], board: TargetBoard, nowMs: number): Turn | Refusal | null {
  let inexpressible: Refusal | null = null;
  for (let candidate = waiting.shift(); candidate !== undefined; candidate = waiting.shift()) {
    if (!board.isAvailable(candidate, nowMs)) continue;
    const encoded = encode(request, candidate);
    if (encoded.ok) return new Turn(candidate, encoded.call, board.begin(candidate.target));
    inexpressible ??= encoded.refusal;
  }
  return inexpressible;
}

/** Takes the next target that is well enough to be asked beside another. The rest still wait. */
export function takeTurnBeside(request: Decided, waiting: Candidate[], board: TargetBoard, nowMs: number): Turn | null {
  for (const [index, candidate] of waiting.entries()) {
    if (!board.isWell(candidate, nowMs)) continue;
    const encoded = encode(request, candidate);
    if (!encoded.ok) continue;
    waiting.splice(index, 1);
    return new Turn(candidate, encoded.call, board.begin(candidate.target));
  }
  return null;
}
