import fc from 'fast-check';
import { z } from 'zod';
import { randomFrom } from './random.js';
import { instanceOf } from './schema-instance.js';

/** zod's own JSON Schema goes in; zod's own parser judges what comes out. */
const SCHEMAS: Readonly<Record<string, z.ZodType>> = {
  scalars: z.strictObject({ text: z.string(), count: z.int(), ratio: z.number(), yes: z.boolean(), nothing: z.null() }),
  bounds: z.strictObject({ year: z.int().min(1_900).max(2_100), share: z.number().gt(0).lt(1), even: z.int().min(0).multipleOf(2), negative: z.int().max(-5), name: z.string().min(30).max(40) }),
  choices: z.strictObject({ kind: z.enum(['a', 'b']), fixed: z.literal(42), either: z.union([z.string(), z.int(), z.strictObject({ deep: z.literal('x') })]), maybe: z.string().nullable() }),
  arrays: z.strictObject({ three: z.array(z.boolean()).length(3), some: z.array(z.strictObject({ id: z.uuid() })).min(1).max(4), pair: z.tuple([z.string(), z.int()]) }),
  formats: z.strictObject({ at: z.iso.datetime(), on: z.iso.date(), mail: z.email(), link: z.url(), id: z.uuid(), ip: z.ipv4() }),
  both: z.intersection(z.object({ a: z.string() }), z.object({ b: z.int() })),
  list: z.array(z.int()),
};

const node = z.strictObject({ value: z.int(), get children() { return z.array(node); }, get next() { return node.nullable(); } });

describe('instanceOf', () => {
  it.each([...Object.entries(SCHEMAS), ['recursive', node] as const])('satisfies the schema: %s', (_name, schema) => {
    const jsonSchema = z.toJSONSchema(schema);
    fc.assert(fc.property(fc.integer(), (seed) => {
      expect(schema.safeParse(instanceOf(jsonSchema, randomFrom(seed))).error).toBeUndefined();
    }), { numRuns: 200 });
  });

  it('follows $ref into $defs and type lists, and fills required properties without a schema', () => {
    const schema = { type: 'object', properties: { at: { $ref: '#/$defs/point' }, note: { type: ['string', 'null'] } }, required: ['at', 'note', 'free'], $defs: { point: { type: 'object', properties: { x: { type: 'integer' } }, required: ['x'] } } };
    const value = instanceOf(schema, randomFrom(3)) as { at: { x: number }; note: unknown; free: unknown };
    expect(Number.isInteger(value.at.x)).toBe(true);
    expect(value.note === null || typeof value.note === 'string').toBe(true);
    expect(typeof value.free).toBe('string');
  });

  it('ends on schemas that cannot end', () => {
    const endless = { $ref: '#' };
    expect(instanceOf(endless, randomFrom(1))).toBeNull();
  });
});
