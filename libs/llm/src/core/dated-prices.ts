const DAY_MS = 86_400_000;
const TIME_OF_DAY = /^(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,3}))?(?:Z|([+-])(\d{2}):(\d{2}))$/;

/** When a price applies, as a catalogue writes it. Dates begin at their UTC midnight. */
export type PriceCondition =
  | { readonly type: 'start_date'; readonly start_date: string }
  | { readonly type: 'time_of_date'; readonly start_time: string; readonly end_time: string };

type Window =
  | { readonly kind: 'always' }
  | { readonly kind: 'since'; readonly fromMs: number }
  /** From and to are milliseconds of the UTC day, half-open; a window may run across midnight. */
  | { readonly kind: 'daily'; readonly fromMs: number; readonly toMs: number };

/** One of a model's prices: `label` tells it from the model's others and is stable, for it is stored with every amount. */
export interface DatedPrice<T> {
  readonly label: string;
  readonly window: Window;
  readonly value: T;
}

export function datedPrice<T>(condition: PriceCondition | undefined, value: T): DatedPrice<T> {
  if (condition === undefined) return { label: 'base', window: { kind: 'always' }, value };
  if (condition.type === 'start_date') {
    const fromMs = Date.parse(`${condition.start_date}T00:00:00Z`);
    if (Number.isNaN(fromMs)) throw new RangeError(`not a date: ${condition.start_date}`);
    return { label: condition.start_date, window: { kind: 'since', fromMs }, value };
  }
  const { start_time: start, end_time: end } = condition;
  return { label: `${start}-${end}`, window: { kind: 'daily', fromMs: timeOfDay(start), toMs: timeOfDay(end) }, value };
}

/**
 * The price at an instant: the last one of the list whose window holds it; before all of them, the first.
 * That is the catalogue's own rule.
 */
export function priceAt<T>(prices: readonly DatedPrice<T>[], atMs: number): DatedPrice<T> | null {
  for (let index = prices.length - 1; index > 0; index--) {
    const price = prices[index] as DatedPrice<T>;
    if (holds(price.window, atMs)) return price;
  }
  return prices[0] ?? null;
}

function holds(window: Window, atMs: number): boolean {
  switch (window.kind) {
    case 'always':
      return true;
    case 'since':
      return atMs >= window.fromMs;
    case 'daily': {
      const time = atMs % DAY_MS;
      return window.toMs < window.fromMs ? time >= window.fromMs || time < window.toMs : time >= window.fromMs && time < window.toMs;
    }
  }
}

function timeOfDay(text: string): number {
  const match = TIME_OF_DAY.exec(text);
  if (match === null) throw new RangeError(`not a time of day: ${text}`);
  const [, hours, minutes, seconds, fraction = '', sign, offsetHours = '0', offsetMinutes = '0'] = match;
  const local = (Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds)) * 1_000 + Number(fraction.padEnd(3, '0'));
  const offset = (Number(offsetHours) * 60 + Number(offsetMinutes)) * 60_000 * (sign === '-' ? -1 : 1);
  return (((local - offset) % DAY_MS) + DAY_MS) % DAY_MS;
}
