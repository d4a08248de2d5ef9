/** What was learned an hour ago counts half: customers change what they do. */
const HALF_LIFE_MS = 3_600_000;
/** So much is remembered beyond what is undecided: what is new must be able to tell. */
const MEMORY = 512;

/** How often something that was hoped for came about. What is undecided counts as if it had not, until it does. */
export class Odds {
  private good = 0;
  private bad = 0;
  private open = 0;
  private agedAt: number;

  constructor(nowMs: number) {
    this.agedAt = nowMs;
  }

  hope(): void {
    this.open++;
  }

  decide(isGood: boolean, nowMs: number): void {
    if (this.open > 0) this.open--;
    if (isGood) this.good++;
    else this.bad++;
    if (this.good + this.bad > MEMORY + 4 * this.open) this.halve(nowMs);
  }

  /** Lets what is old count less. */
  age(nowMs: number): this {
    if (nowMs - this.agedAt >= HALF_LIFE_MS) this.halve(nowMs);
    return this;
  }

  private halve(nowMs: number): void {
    this.good /= 2;
    this.bad /= 2;
    this.agedAt = nowMs;
  }

  /** The share that is good, as if `goods` of `of` more had been seen before. */
  chance(goods: number, of: number): number {
    return (this.good + goods) / (this.good + this.bad + this.open + of);
  }
}
