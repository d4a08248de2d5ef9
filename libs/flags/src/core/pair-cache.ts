/**
 * A cache by two strings, emptied when it is full. For the hot path: no bookkeeping per read and no joined key (joining
 * costs ten times the look-ups), and a full cache costs one round of re-evaluation instead of memory without an end.
 */
export class PairCache<V> {
  private readonly groups = new Map<string, Map<string, V>>();
  private count = 0;

  constructor(private readonly capacity: number) {}

  /** Values held, over all groups. */
  get size(): number {
    return this.count;
  }

  get(group: string, key: string): V | undefined {
    return this.groups.get(group)?.get(key);
  }

  set(group: string, key: string, value: V): void {
    if (this.count >= this.capacity) this.clear();
    let entries = this.groups.get(group);
    if (!entries) this.groups.set(group, (entries = new Map()));
    const before = entries.size;
    entries.set(key, value);
    this.count += entries.size - before;
  }

  clear(): void {
    this.groups.clear();
    this.count = 0;
  }
}
