import fc from 'fast-check';
import { type Surface } from '@apex/usage';
import { answerOf, createCacheWorld, flightOf, keyed, keyOf, openAi, recorded, saying } from './exact-cache.fakes.js';
import { exactKey, type KeyedRequest } from './exact-key.js';

const CHAT =
  '{"model":"gpt-4o-mini","messages":[{"role":"system","content":"Be brief. Caf\u00e9 9007199254740993"},{"role":"user","content":"What is 2 + 2? Say \\"four\\"."}],"temperature":0,"top_p":1.0,"seed":7,"n":1,"stream":false,"max_tokens":100,"logprobs":false,"presence_penalty":0.5,"stop":["END"],"user":"u1","response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{"type":"object","required":["x","y"]}}},"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"number"}}}}}],"tool_choice":"auto","logit_bias":{"50256":-100},"metadata":{"id":9007199254740993}}';
const RESPONSES = '{"model":"gpt-4o-mini","input":[{"role":"user","content":[{"type":"input_text","text":"Hello"}]}],"instructions":"Be kind.","temperature":0,"reasoning":{"effort":"low"},"text":{"format":{"type":"text"}},"store":false,"max_output_tokens":50,"tools":[{"type":"function","name":"g","parameters":{}}],"previous_response_id":"resp_1"}';
const MESSAGES =
  '{"model":"claude-sonnet-4-5","system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":"Hello"},{"role":"assistant","content":[{"type":"text","text":"Hi"}]},{"role":"user","content":"And?"}],"max_tokens":64,"temperature":0,"top_k":5,"thinking":{"type":"disabled"},"stop_sequences":["X"],"metadata":{"user_id":"u"}}';
const EMBEDDINGS = '{"model":"text-embedding-3-small","input":["one","two"],"dimensions":256,"encoding_format":"float"}';
const BASES: readonly (readonly [Surface, string])[] = [
  ['chat.completions', CHAT],
  ['responses', RESPONSES],
  ['messages', MESSAGES],
  ['embeddings', EMBEDDINGS],
];

/** Text changes, each of one thing: what it reads and what it reads then. */
const CHANGES: readonly (readonly [string, string])[] = [
  ['"temperature":0', '"temperature":0.0'],
  ['"temperature":0', '"temperature":-0'],
  ['"temperature":0', '"temperature":0e0'],
  ['"temperature":0', '"temperature":1e-9'],
  ['"temperature":0', '"temperature":null'],
  ['"temperature":0', '"temperature":"0"'],
  ['"temperature":0,', ''],
  ['"temperature":0', '"Temperature":0'],
  ['"temperature":0', '"temperature ":0'],
  ['"temperature":0', '"t\\u0065mperature":0'],
  ['"top_p":1.0', '"top_p":1'],
  ['"top_p":1.0', '"top_p":1.00'],
  ['"seed":7', '"seed":8'],
  ['"seed":7', '"seed":7.0'],
  ['"seed":7', '"seed":70'],
  ['"seed":7,', ''],
  ['"n":1', '"n":2'],
  ['"stream":false', '"stream":true'],
  ['"stream":false', '"stream":null'],
  ['"stream":false,', ''],
  ['"stream":false', '"stream":true,"stream_options":{"include_usage":true}'],
  ['"stream":false', '"stream":true,"stream_options":{"include_usage":false}'],
  ['"max_tokens":100', '"max_tokens":101'],
  ['"max_tokens":100', '"max_completion_tokens":100'],
  ['"logprobs":false', '"logprobs":true'],
  ['"logprobs":false', '"logprobs":true,"top_logprobs":2'],
  ['"presence_penalty":0.5', '"presence_penalty":0.50'],
  ['"presence_penalty":0.5', '"presence_penalty":5e-1'],
  ['"presence_penalty"', '"frequency_penalty"'],
  ['"stop":["END"]', '"stop":"END"'],
  ['"stop":["END"]', '"stop":["END","END"]'],
  ['"stop":["END"]', '"stop":["end"]'],
  ['"user":"u1"', '"user":"u2"'],
  ['9007199254740993}', '9007199254740992}'],
  ['9007199254740993}', '9007199254740993.0}'],
  ['9007199254740993"', '9007199254740992"'],
  ['"Be brief. ', '"Be  brief. '],
  ['"Be brief. ', '"be brief. '],
  ['"Be brief. ', '" Be brief. '],
  ['"Be brief. ', '"Be brief.\\n'],
  ['"Be brief. ', '"Be\u00a0brief. '],
  ['"Be brief. ', '"Be\u200b brief. '],
  ['"Be brief. ', '"\\u0042e brief. '],
  ['Caf\u00e9', 'Cafe\u0301'],
  ['Caf\u00e9', 'Caf\\u00e9'],
  ['Caf\u00e9', 'Caf\\u00E9'],
  ['Caf\u00e9', 'Cafe'],
  ['Say \\"four\\".', 'Say \\u0022four\\u0022.'],
  ['Say \\"four\\".', 'Say "'.slice(0, 4) + '\\"four\\"!'],
  ['2 + 2', '2+2'],
  ['2 + 2', '2 + 3'],
  ['2 + 2', '2 +  2'],
  ['"role":"system"', '"role":"developer"'],
  ['"role":"system"', '"role":"user"'],
  ['"role":"system","content":"Be brief. Caf\u00e9 9007199254740993"', '"content":"Be brief. Caf\u00e9 9007199254740993","role":"system"'],
  ['{"role":"system","content":"Be brief. Caf\u00e9 9007199254740993"},', ''],
  ['"messages":[', '"messages":[{"role":"user","content":""},'],
  ['"required":["x","y"]', '"required":["y","x"]'],
  ['"required":["x","y"]', '"required":["x"]'],
  ['"a":{"type":"string"},"b":{"type":"number"}', '"b":{"type":"number"},"a":{"type":"string"}'],
  ['"a":{"type":"string"}', '"a":{"type":"string"},"a":{"type":"number"}'],
  ['"a":{"type":"string"}', '"a":{"type":"integer"},"a":{"type":"string"}'],
  ['"name":"f"', '"name":"F"'],
  ['"name":"f"', '"name":"f","strict":true'],
  ['"name":"f"', '"name":"f","description":""'],
  ['"tool_choice":"auto"', '"tool_choice":"none"'],
  ['"tool_choice":"auto"', '"tool_choice":{"type":"function","function":{"name":"f"}}'],
  ['"tool_choice":"auto",', ''],
  ['"type":"json_schema"', '"type":"json_object"'],
  ['"50256":-100', '"50256":-99'],
  ['"50256":-100', '"50257":-100'],
  ['"model":"gpt-4o-mini"', '"model":"gpt-4o"'],
  ['"model":"gpt-4o-mini"', '"model":"gpt-4o-mini "'],
  ['"model":"gpt-4o-mini"', '"model":"gpt-4o-mini-2024-07-18"'],
  ['"text":"Hello"', '"text":"Hello."'],
  ['"text":"Hello"', '"text":"Hell\\u006f"'],
  ['"content":"Hello"', '"content":[{"type":"text","text":"Hello"}]'],
  ['"input_text"', '"output_text"'],
  ['"Be kind."', '"Be unkind."'],
  ['"instructions":"Be kind.",', ''],
  ['"effort":"low"', '"effort":"high"'],
  ['"format":{"type":"text"}', '"format":{"type":"json_object"}'],
  ['"store":false', '"store":true'],
  ['"max_output_tokens":50', '"max_output_tokens":51'],
  ['"resp_1"', '"resp_2"'],
  ['"resp_1"', 'null'],
  ['"name":"g"', '"name":"h"'],
  ['"parameters":{}', '"parameters":null'],
  [',"cache_control":{"type":"ephemeral"}', ''],
  ['"ephemeral"', '"ephemeral","ttl":"1h"'],
  ['"system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}}]', '"system":"Be brief."'],
  ['"max_tokens":64', '"max_tokens":65'],
  ['"top_k":5', '"top_k":6'],
  ['"thinking":{"type":"disabled"}', '"thinking":{"type":"enabled","budget_tokens":1024}'],
  ['"stop_sequences":["X"]', '"stop_sequences":["x"]'],
  ['"user_id":"u"', '"user_id":"v"'],
  ['{"role":"user","content":"Hello"},{"role":"assistant","content":[{"type":"text","text":"Hi"}]}', '{"role":"assistant","content":[{"type":"text","text":"Hi"}]},{"role":"user","content":"Hello"}'],
  ['"content":"And?"', '"content":"And? "'],
  ['["one","two"]', '["two","one"]'],
  ['["one","two"]', '["one,two"]'],
  ['["one","two"]', '["one two"]'],
  ['["one","two"]', '["one","two",""]'],
  ['["one","two"]', '"one"'],
  ['["one","two"]', '[["one","two"]]'],
  ['["one","two"]', '["onetwo"]'],
  ['"dimensions":256', '"dimensions":257'],
  ['"dimensions":256', '"dimensions":2560'],
  ['"encoding_format":"float"', '"encoding_format":"base64"'],
];

const HEADERS: readonly Record<string, string | string[]>[] = [
  { 'anthropic-beta': 'a' },
  { 'anthropic-beta': 'a,b' },
  { 'anthropic-beta': ['a', 'b'] },
  { 'anthropic-beta': '' },
  { 'anthropic-version': '2023-06-01' },
  { 'openai-beta': 'a' },
  { 'openai-organization': 'a' },
  { 'openai-project': 'a' },
  { 'openai-organization': 'a', 'openai-project': 'a' },
  { 'openai-organization': 'a" openai-project:"a' },
  { 'openai-organization': 'a openai-project:a' },
  { 'x-apex-route': 'off' },
];

const CANDIDATES: readonly KeyedRequest['candidates'][] = [
  [{ target: { provider: openAi, model: 'other' } }],
  [{ target: { provider: { ...openAi, name: 'azure' }, model: 'gpt-4o-mini' } }],
  [{ target: { provider: { ...openAi, origin: 'http://127.0.0.1:1' }, model: 'gpt-4o-mini' } }],
  [{ target: { provider: { ...openAi, basePath: '/v2' }, model: 'gpt-4o-mini' } }],
  [{ target: { provider: openAi, model: 'gpt-4o-mini' } }, { target: { provider: openAi, model: 'other' } }],
];

interface Variant {
  readonly what: string;
  readonly base: string;
  readonly request: KeyedRequest;
}

/** Each differs from a base in one thing. */
function nearlyIdentical(): Variant[] {
  const variants: Variant[] = [];
  for (const [surface, body] of BASES) {
    const base = keyOf(body, { surface });
    const add = (what: string, request: KeyedRequest): void => void variants.push({ what: `${surface}: ${what}`, base, request });
    for (const [from, to] of CHANGES) if (body.includes(from)) add(`${from} -> ${to}`, keyed(body.replace(from, () => to), { surface }));
    for (const customerId of ['acme2', 'Acme', 'acm', 'evil']) add(`customer ${customerId}`, keyed(body, { surface, customerId }));
    for (const [other] of BASES) if (other !== surface && !body.includes('"store":true')) add(`as ${other}`, keyed(body, { surface: other }));
    for (const headers of HEADERS) add(JSON.stringify(headers), keyed(body, { surface, headers }));
    for (const candidates of CANDIDATES) add('another place', keyed(body, { surface, candidates }));
    // One more, one less, one twice the size.
    const members = JSON.parse(body) as Record<string, unknown>;
    for (const name of Object.keys(members)) {
      const { [name]: value, ...rest } = members;
      add(`without ${name}`, keyed(JSON.stringify(rest), { surface }));
      add(`${name} nested`, keyed(JSON.stringify({ ...members, [name]: [value] }), { surface }));
      add(`${name} renamed`, keyed(JSON.stringify({ ...rest, [`${name}_`]: value }), { surface }));
    }
    add('a new member', keyed(body.replace('{', '{"x":1,'), { surface }));
    add('a new member that is null', keyed(body.replace('{', '{"x":null,'), { surface }));
  }
  return variants;
}

describe('exactKey', () => {
  const variants = nearlyIdentical();

  it('tells at least 300 nearly identical requests apart: not one of them hits', () => {
    const { request, world } = createCacheWorld();
    for (const [surface, body] of BASES) {
      const stored = request({ hash: keyOf(body, { surface }) });
      flightOf(stored.found).end(recorded(saying(surface)));
      expect(answerOf(request({ hash: keyOf(body, { surface }) }).found)).toBe(saying(surface));
    }
    let hits = 0;
    for (const { what, base, request: near } of variants) {
      const hash = exactKey(near);
      const found = hash === null ? null : request({ hash, customerId: near.key.customerId }).found;
      if (found?.kind === 'hit') hits++;
      if (found?.kind === 'miss') found.flight.abandon();
      if (hash === base) throw new Error(`hits: ${what}`);
    }
    expect(variants.length).toBeGreaterThanOrEqual(300);
    expect(hits).toBe(0);
    expect(world.defects).toEqual([]);
  });

  it('gives each of them a key of its own', () => {
    const byKey = new Map<string, KeyedRequest>();
    for (const { request } of variants) {
      const key = exactKey(request);
      const other = key === null ? undefined : byKey.get(key);
      // Two changes may read the same in the end.
      if (other !== undefined) expect([other.body.toString(), other.headers, other.key]).toEqual([request.body.toString(), request.headers, request.key]);
      if (key !== null) byKey.set(key, request);
    }
    expect(byKey.size).toBeGreaterThanOrEqual(300);
  });

  it.each(BASES)('sees neither white space between tokens nor the order of outermost members: %s', (surface, body) => {
    const key = keyOf(body, { surface });
    const members = body.slice(1, -1).split(/,(?="(?:model|messages|input|temperature|system|max_tokens|seed|dimensions)")/);
    expect(members.length).toBeGreaterThan(2);
    const turned = `{${members.toReversed().join(',')}}`;
    expect(keyOf(turned, { surface })).toBe(key);
    const spaced = body.replace(/"(?:[^"\\]|\\.)*"|[{}[\],:]/g, (token) => ` \n${token}\t\r`);
    expect(spaced.length).toBeGreaterThan(body.length * 1.2);
    expect(keyOf(spaced, { surface })).toBe(key);
    for (const headers of <Record<string, string>[]>[{ 'x-apex-cache': 'exact' }, { 'x-apex-tags': 'a' }, { 'user-agent': 'b' }, { 'x-apex-trailer': 'on' }, { authorization: 'Bearer other' }]) expect(keyOf(body, { surface, headers })).toBe(key);
  });

  it('stays what it was, for answers are kept under it: names stand in the order of the bytes that spell them', () => {
    const body = '{"stream":false,"model":"m","a b":1,"a":2,"a!":3,"\\u0061c":4,"é":5,"e\\"":6,"max_tokens":7,"max_completion_tokens":8,"messages":[ ]}';
    expect(keyOf(body, { surface: 'chat.completions' })).toBe('c8acf1f6b6326a863e7ba8282301d4afe3e780228f411721c01ee8513d3c36f1');
  });

  it('is the same for two texts exactly if their tokens are, whatever the order of the outermost members', () => {
    const space = fc.constantFrom('', '', ' ', '\n', '\t ', '\r\n');
    const names = fc.uniqueArray(fc.oneof(fc.string(), fc.constantFrom('model', 'messages', 'a', '\ud800', '\udc00', 'é', 'e\u0301', '"', '\\')), { minLength: 1, maxLength: 6 });
    const spelled = fc.tuple(fc.jsonValue(), fc.boolean()).map(([value, escaped]) => (escaped ? JSON.stringify(value).replace(/[a-z]/g, 'x') : JSON.stringify(value)));
    const numbers = fc.constantFrom('1', '1.0', '1e0', '10', '9007199254740993', '9007199254740992', '-0', '0');
    const value = fc.oneof(spelled, numbers, fc.constantFrom('{"a":1,"b":2}', '{"b":2,"a":1}', '{"a":1,"a":1}', '"a b"', '"a  b"', '"\\u0061"', '"a"'));
    const valid = (text: string): boolean => {
      try {
        JSON.parse(text);
        return true;
      } catch {
        return false;
      }
    };
    const text = fc.tuple(names, fc.array(value.filter(valid), { minLength: 6, maxLength: 6 }), fc.array(space, { minLength: 1 })).map(([keys, values, spaces]) => {
      const members = keys.map((name, i) => [JSON.stringify(name), values[i]!] as const);
      const write = (order: typeof members, at: number): string => {
        let used = at;
        const gap = (): string => spaces[used++ % spaces.length]!;
        const loose = (json: string): string => json.replace(/"(?:[^"\\]|\\.)*"|[{}[\],:]/g, (token) => gap() + token + gap());
        return `${gap()}{${order.map(([name, json]) => gap() + name + gap() + ':' + gap() + loose(json) + gap()).join(',')}}${gap()}`;
      };
      return { members, write };
    });
    const meaning = (members: readonly (readonly [string, string])[]): string => JSON.stringify(members.map(([name, json]) => [name, json.replace(/"(?:[^"\\]|\\.)*"|\s+/g, (token) => (token[0] === '"' ? token : ''))]).sort((a, b) => (a[0]! < b[0]! ? -1 : 1)));
    fc.assert(
      fc.property(text, text, fc.nat(5), (one, two, turn) => {
        const turned = [...one.members.slice(turn), ...one.members.slice(0, turn)];
        const key = keyOf(one.write(one.members, 0));
        expect(keyOf(one.write(turned, turn))).toBe(key);
        expect(keyOf(two.write(two.members, 0)) === key).toBe(meaning(one.members) === meaning(two.members));
      }),
      { numRuns: 2_000 },
    );
  });

  it('changes with every byte of a request that is still one', () => {
    const key = keyOf(CHAT);
    let tried = 0;
    for (let at = 1; at < CHAT.length - 1; at++) {
      for (const put of ['1', 'a', 'é', '']) {
        const changed = CHAT.slice(0, at) + put + CHAT.slice(at + 1);
        if (changed === CHAT) continue;
        let request: KeyedRequest;
        try {
          request = keyed(changed);
        } catch {
          continue;
        }
        tried++;
        // Only a space between tokens could be left out, and there is none here.
        expect(exactKey(request)).not.toBe(key);
      }
    }
    expect(tried).toBeGreaterThan(1_000);
  });

  it.each<[Surface, string]>([
    ['chat.completions', '"store":true'],
    ['chat.completions', '"web_search_options":{}'],
    ['responses', '"conversation":"conv_1"'],
    ['responses', '"background":true'],
    ['responses', '"prompt":{"id":"pmpt_1"}'],
    ['messages', '"mcp_servers":[{"url":"http://x"}]'],
    ['messages', '"container":"c1"'],
  ])('is none where the answer depends on more than the request says: %s, %s', (surface, member) => {
    expect(exactKey(keyed(`{"model":"m",${member}}`, { surface }))).toBeNull();
    const [name] = member.split(':');
    expect(exactKey(keyed(`{"model":"m",${name}:null}`, { surface }))).toMatch(/^[0-9a-f]{64}$/);
    expect(exactKey(keyed(`{"model":"m",${name}: false}`, { surface }))).toMatch(/^[0-9a-f]{64}$/);
  });

  it('is none for a body whose parsers disagree', () => {
    expect(exactKey(keyed('{"model":"a","model":"b"}'))).toBeNull();
  });

  it('is as good for bodies beyond its usual room', () => {
    const long = (last: string): string => JSON.stringify({ messages: ['x'.repeat(1_000_000), last] });
    expect(keyOf(long('a'))).toBe(keyOf(long('a').replace(',', ' , ')));
    expect(keyOf(long('a'))).not.toBe(keyOf(long('b')));
  });
});
