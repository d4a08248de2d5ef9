/** What a request orders of the simulator in one text. */
export interface Directive {
  /** As FaultDesk reads it; undefined: no fault. */
  readonly fault: string | undefined;
  readonly id: string | undefined;
  /** The answer's exact length; null: as the prompt suggests. */
  readonly tokens: number | null;
}

export const NO_DIRECTIVE: Directive = Object.freeze({ fault: undefined, id: undefined, tokens: null });

/**
 * Reads `<fault>;times=2;id=abc;tokens=500`, for protocols with one place for a free text instead of a map; every part
 * may be left out. What it does not know stays in `fault`, which is refused where faults are chosen.
 */
export function parseDirective(text: string): Directive {
  const fault: string[] = [];
  let id: string | undefined;
  let tokens: number | null = null;
  for (const part of text.trim().split(';')) {
    if (part.startsWith('id=')) id = part.slice(3);
    else if (/^tokens=[1-9]\d*$/.test(part)) tokens = Number(part.slice(7));
    else fault.push(part);
  }
  return { fault: fault.length > 0 ? fault.join(';') : undefined, id, tokens };
}
