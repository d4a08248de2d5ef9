import { z } from 'zod';
import { type Conversation } from '../../dialogue/conversation.js';
import { encodeRequest } from './request-encoder.js';
import { closedSchema } from './schema.js';

const object = (properties: object, more: object = {}) => ({ type: 'object', properties, additionalProperties: false, ...more });

const conversation = (more: Partial<Conversation>): Conversation => ({
  model: 'claude-haiku-4-5', system: [], turns: [{ role: 'user', parts: [{ type: 'text', text: 'Hello.' }] }], tools: [], toolChoice: null, parallelTools: null, maxOutputTokens: 100,
  temperature: null, topP: null, topK: null, stop: [], seed: null, presencePenalty: null, frequencyPenalty: null, candidates: 1, logprobs: null, output: { kind: 'text' }, reasoning: null,
  endUser: null, stream: false, ...more,
});

const asking = (schema: Record<string, unknown>, strict: boolean | null) => encodeRequest(conversation({ output: { kind: 'json_schema', name: null, description: null, schema, strict } }));

describe('closedSchema', () => {
  it('leaves alone what structured outputs take', () => {
    const schema = object({ a: { type: 'string', format: 'date', enum: ['x'] }, b: { type: 'array', items: object({ c: { type: 'null' } }), minItems: 1 } }, { required: ['a'], $defs: { d: { const: 1 } } });
    expect(closedSchema(schema)).toEqual({ schema, unenforced: [], open: [] });
  });

  it("drops the bounds that zod's whole numbers have", () => {
    const { schema, unenforced } = closedSchema(z.toJSONSchema(z.strictObject({ n: z.int() })));
    expect(schema).toMatchObject(object({ n: { type: 'integer' } }));
    expect(JSON.stringify(schema)).not.toContain('imum');
    expect(unenforced).toEqual([]);
  });

  it('tells limits in words, wherever they stand', () => {
    const found = closedSchema(object({ age: { type: 'integer', minimum: 0, maximum: 150, description: 'In years.' }, names: { anyOf: [{ type: 'array', items: { type: 'string', maxLength: 9 }, minItems: 2 }, { type: 'null' }] } }));
    expect(found.schema).toEqual(
      object({ age: { type: 'integer', description: 'In years.\n\n{minimum: 0, maximum: 150}' }, names: { anyOf: [{ type: 'array', items: { type: 'string', description: '{maxLength: 9}' }, description: '{minItems: 2}' }, { type: 'null' }] } }),
    );
    expect(found.unenforced).toEqual(['properties.age.minimum', 'properties.age.maximum', 'properties.names.anyOf[0].items.maxLength', 'properties.names.anyOf[0].minItems']);
  });

  it('closes objects that say nothing, and names those that are open', () => {
    expect(closedSchema({ type: 'object', properties: { maximum: { type: 'string' } } })).toEqual({ schema: object({ maximum: { type: 'string' } }), unenforced: [], open: [] });
    expect(closedSchema(object({ map: { type: 'object', additionalProperties: { type: 'string' } }, any: { type: 'object' } })).open).toEqual(['properties.map', 'properties.any']);
  });

  it('ends on a schema that nests without end', () => {
    let schema: Record<string, unknown> = { type: 'string' };
    for (let i = 0; i < 5_000; i++) schema = { type: 'array', items: schema };
    expect(closedSchema(schema).unenforced).toHaveLength(1);
  });
});

describe('a request', () => {
  const limited = object({ age: { type: 'integer', minimum: 0 } });

  it('refuses limits that were promised to be kept, and gives advice on in words', () => {
    expect(asking(limited, true)).toEqual({ ok: false, problems: [expect.objectContaining({ kind: 'inexpressible', param: 'output.schema.properties.age.minimum' })] });
    const advice = asking(limited, null);
    expect(advice.ok && advice.value.body['output_config']).toEqual({ format: { type: 'json_schema', schema: object({ age: { type: 'integer', description: '{minimum: 0}' } }) } });
  });

  it('refuses open objects', () => {
    expect(asking({ type: 'object', additionalProperties: true }, null)).toMatchObject({ ok: false, problems: [{ param: 'output.schema' }] });
  });

  it('holds strict tools to the same, and passes others as they are', () => {
    const tool = (strict: boolean | null) => encodeRequest(conversation({ tools: [{ name: 'f', description: null, parameters: limited, strict }] }));
    expect(tool(true)).toMatchObject({ ok: false, problems: [{ param: 'tools[0].parameters.properties.age.minimum' }] });
    const loose = tool(null);
    expect(loose.ok && loose.value.body['tools']).toEqual([{ name: 'f', input_schema: limited }]);
  });
});
