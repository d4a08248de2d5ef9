import { grantOf, LEASE_MS, type MeterGrant, type MeterKind, type MeterReport, SLOT_MS, WINDOW_SLOTS } from './meter-sync.js';

/**
 * A meter as a process without Redis keeps it; the script in `redis-limit-script.ts` does the same for many. What was used
 * and what is held are never more than the limit together, but by what was used without having been granted.
 */
export class MeterState {
  private readonly slots = new Map<number, number>();
  private sum = 0;
  private latest = 0;
  private told = 0;
  private toldAt = -Infinity;
  private total: number | null = null;
  /** Of a `total`: what was used by everybody when this process last knew. Only what is left from there on is shared out. */
  private anchor = 0;

  constructor(private readonly kind: MeterKind) {}

  /**
   * @param shares among how many processes the limit is divided
   * @param nowMs may jump: forward it forgets, backward nothing is freed sooner, nor later than a minute from then
   */
  sync(report: MeterReport, shares: number, nowMs: number): MeterGrant {
    const used = this.take(report, nowMs);
    if (used === null) return { granted: 0, used: 0, held: report.hold, retryAfterMs: 0, resetMs: 0, known: false, heard: false };
    const limit = this.shareOf(report.limit, shares);
    const room = limit - used - report.hold;
    const granted = grantOf(room, report.want, report.need);
    return { granted, used, held: report.hold + granted, retryAfterMs: granted >= report.need ? 0 : this.retryAfterMs(report.need - room, nowMs), resetMs: this.resetMs(nowMs), known: true, heard: true };
  }

  /** Takes in what this process told elsewhere and what it heard there, so as to be able to go on alone from here. */
  mirror(report: MeterReport, grant: MeterGrant, nowMs: number): void {
    if (!grant.known) return;
    this.take(report, nowMs);
    // What others hold is theirs: of the rest this process may have its share.
    if (this.kind === 'total') this.anchor = this.total = grant.used + grant.held - report.hold - grant.granted;
  }

  private shareOf(limit: number, shares: number): number {
    if (this.kind === 'total') return this.anchor + Math.floor(Math.max(0, limit - this.anchor) / shares);
    return limit === 0 ? 0 : Math.max(1, Math.floor(limit / shares));
  }

  private take({ from, to, floor }: MeterReport, nowMs: number): number | null {
    if (this.kind === 'total' && floor !== null) this.total = Math.max(this.total ?? 0, floor);
    if (this.kind === 'total' && this.total === null) return null;
    // Who said nothing for a lease's time may have begun to count anew.
    const told = nowMs - this.toldAt < LEASE_MS ? Math.max(from, this.told) : from;
    const delta = Math.max(0, to - told);
    this.told = Math.max(told, to);
    this.toldAt = nowMs;
    if (this.kind === 'gauge') return 0;
    if (this.kind === 'window') return this.slide(delta, nowMs);
    return (this.total = (this.total ?? 0) + delta);
  }

  private slide(delta: number, nowMs: number): number {
    let slot = Math.floor(nowMs / SLOT_MS);
    if (this.latest - slot > WINDOW_SLOTS) {
      this.slots.clear();
      if (this.sum > 0) this.slots.set(slot, this.sum);
    } else {
      slot = Math.max(slot, this.latest);
      // In the order of time: they were put in so.
      for (const [past, amount] of this.slots) {
        if (past >= slot - WINDOW_SLOTS) break;
        this.slots.delete(past);
        this.sum -= amount;
      }
    }
    this.latest = slot;
    if (delta > 0) this.slots.set(slot, (this.slots.get(slot) ?? 0) + delta);
    return (this.sum += delta);
  }

  private retryAfterMs(missing: number, nowMs: number): number {
    let freed = 0;
    for (const [slot, amount] of this.slots) {
      freed += amount;
      if (freed >= missing) return Math.max(SLOT_MS, (slot + WINDOW_SLOTS + 1) * SLOT_MS - nowMs);
    }
    return 1_000;
  }

  private resetMs(nowMs: number): number {
    return this.sum > 0 ? Math.max(0, (this.latest + WINDOW_SLOTS + 1) * SLOT_MS - nowMs) : 0;
  }
}
