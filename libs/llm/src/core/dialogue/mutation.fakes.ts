import fc from 'fast-check';

const JUNK = fc.oneof(fc.constantFrom<unknown>(null, true, 0, -1, 1.5, Number.MAX_VALUE, '', 'junk', '{', [], {}, [null], [[]], { type: 'text' }, { type: 'unheard_of' }), fc.jsonValue());

/** A body of a peer, broken in one to three places: members gone, replaced by junk, doubled, or new ones put in. */
export function mutated(body: unknown): fc.Arbitrary<unknown> {
  return fc.array(fc.tuple(fc.nat(), fc.constantFrom('remove', 'replace', 'double', 'add', 'swap'), JUNK), { minLength: 1, maxLength: 3 }).map((changes) => {
    let broken: unknown = structuredClone(body);
    for (const [place, how, junk] of changes) broken = change(broken, place, how, structuredClone(junk));
    // As it would come off the wire.
    return JSON.parse(JSON.stringify(broken) ?? 'null') as unknown;
  });
}

type Holder = Record<string, unknown>;

function change(body: unknown, place: number, how: string, junk: unknown): unknown {
  const places = placesIn(body);
  // One place more than there are: the body itself.
  const at = places[place % (places.length + 1)];
  if (at === undefined) return how === 'replace' ? junk : body;
  const { holder, key } = at;
  if (how === 'remove') {
    if (Array.isArray(holder)) holder.splice(Number(key), 1);
    else delete holder[key];
  } else if (how === 'replace') holder[key] = junk;
  else if (how === 'add') holder[`${key}_x`] = junk;
  else if (how === 'swap') {
    const other = places[(place + 1) % places.length] ?? at;
    holder[key] = structuredClone(other.holder[other.key]);
  } else if (Array.isArray(holder)) holder.push(structuredClone(holder[Number(key)]));
  else holder[key] = [holder[key]];
  return body;
}

/** Every place in a body that a member or an element has, in no promised order. */
function placesIn(body: unknown): { holder: Holder; key: string }[] {
  const found: { holder: Holder; key: string }[] = [];
  const waiting: unknown[] = [body];
  while (waiting.length > 0) {
    const value = waiting.pop();
    if (typeof value !== 'object' || value === null) continue;
    for (const key of Object.keys(value)) {
      found.push({ holder: value as Holder, key });
      waiting.push((value as Holder)[key]);
    }
  }
  return found;
}
