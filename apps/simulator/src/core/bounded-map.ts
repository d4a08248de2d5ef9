/**
 * A map that forgets what was not used lately. It keeps two generations: what is read or written lives in the young
 * one; when that is full it becomes the old one, and the old one is dropped. Cheaper than a strict LRU, and bounded:
 * it never holds more weight than `maxWeight` (an entry heavier than half of it is not kept at all).
 */
export class BoundedMap<V> {
  private young = new Map<string, V>();
  private old = new Map<string, V>();
  private youngWeight = 0;

  constructor(private readonly maxWeight: number, private readonly weigh: (value: V, key: string) => number = () => 1) {}

  get(key: string): V | undefined {
    const fresh = this.young.get(key);
    if (fresh !== undefined) return fresh;
    const aged = this.old.get(key);
    if (aged !== undefined) this.set(key, aged);
    return aged;
  }

  set(key: string, value: V): void {
    const half = this.maxWeight / 2;
    const weight = this.weigh(value, key);
    const replaced = this.young.get(key);
    if (replaced !== undefined) {
      this.youngWeight -= this.weigh(replaced, key);
      this.young.delete(key);
    }
    this.old.delete(key);
    if (weight > half) return;
    if (this.youngWeight + weight > half) {
      this.old = this.young;
      this.young = new Map();
      this.youngWeight = 0;
    }
    this.young.set(key, value);
    this.youngWeight += weight;
  }

  delete(key: string): boolean {
    const known = this.young.get(key);
    if (known === undefined) return this.old.delete(key);
    this.youngWeight -= this.weigh(known, key);
    return this.young.delete(key);
  }

  clear(): void {
    this.young.clear();
    this.old.clear();
    this.youngWeight = 0;
  }

  get size(): number {
    return this.young.size + this.old.size;
  }
}
