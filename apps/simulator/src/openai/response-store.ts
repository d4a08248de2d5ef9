import { BoundedMap } from '../core/bounded-map.js';
import { type Item } from './responses.schema.js';

/** Characters of JSON. A conversation over half of it is not kept. */
const CAPACITY = 32_000_000;

interface Stored {
  readonly response: object;
  /** The whole conversation up to and with this response. */
  readonly items: readonly Item[];
  readonly weight: number;
}

/** The responses and items that OpenAI keeps with `store`, each for the key that made it. What was not used lately goes. */
export class ResponseStore {
  private readonly responses = new BoundedMap<Stored>(CAPACITY, (stored) => stored.weight);
  private readonly items = new BoundedMap<{ readonly item: Item; readonly weight: number }>(CAPACITY, (stored) => stored.weight);

  put(caller: string, id: string, response: object, items: readonly Item[]): void {
    const weights = items.map((item) => JSON.stringify(item).length);
    const weight = weights.reduce((sum, one) => sum + one, JSON.stringify(response).length);
    this.responses.set(`${caller}\n${id}`, { response, items, weight });
    for (const [index, item] of items.entries()) {
      if (typeof item.id === 'string') this.items.set(`${caller}\n${item.id}`, { item, weight: weights[index] as number });
    }
  }

  response(caller: string, id: string): object | undefined {
    return this.responses.get(`${caller}\n${id}`)?.response;
  }

  conversation(caller: string, id: string): readonly Item[] | undefined {
    return this.responses.get(`${caller}\n${id}`)?.items;
  }

  item(caller: string, id: string): Item | undefined {
    return this.items.get(`${caller}\n${id}`)?.item;
  }

  delete(caller: string, id: string): boolean {
    return this.responses.delete(`${caller}\n${id}`);
  }
}
