/**
 * A cache by two strings, emptied when it is full. For the hot path: no bookkeeping per read and no joined key (joining
 * costs ten times the look-ups), and a full cache costs one round of re-evaluation instead of memory without an end.
 */
export class PairCache<V> {
  private readonly entries = new Map<string, Map<string, V>>();
  private count = 0;

  constructor(private readonly capacity: number) {}

  /** Values held, over all groups. */
  get size(): number {
    return this.count;
  }

  /** What is held, by group. */
  get groups(): ReadonlyMap<string, ReadonlyMap<string, V>> {
    return this.entries;
  }

  get(group: string, key: string): V | undefined {
    return this.entries.get(group)?.get(key);
  }

  set(group: string, key: string, value: V): void {
    if (this.count >= this.capacity) this.clear();
    let values = this.entries.get(group);
    if (!values) this.entries.set(group, (values = new Map()));
    const before = values.size;
    values.set(key, value);
    this.count += values.size - before;
  }

  clear(): void {
    this.entries.clear();
    this.count = 0;
  }
}
