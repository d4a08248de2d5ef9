import fc from 'fast-check';
import { maskSecrets, redact } from './redaction.js';

describe('maskSecrets', () => {
  it.each([
    'apex_3q2-7wAAaBbCcDdEeFf0123456789xyz01234567890',
    'sk-proj-abcDEF0123456789',
    'sk-ant-api03-abcdefghijk',
    'sk_live_abcdefghijk',
    'whsec_abcdefghijk',
    'gsk_abcdefghijk0123',
    'xai-abcdefghijk0123',
    'AIzaSyA0123456789abcdef',
    'AKIAIOSFODNN7EXAMPLE',
    'ghp_abcdefghijk0123',
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdef',
  ])('hides %s wherever it stands', (secret) => {
    for (const text of [secret, `key ${secret}.`, `"${secret}"`, `Incorrect API key provided: ${secret}`, `{"a":"${secret}"}`, `?k=${secret}&b=1`]) {
      expect(maskSecrets(text)).not.toContain(secret.slice(8));
    }
  });

  it.each([
    ['Authorization: Bearer abc.defghi', 'abc.def'],
    ['authorization: Basic dXNlcjpwYXNz', 'dXNlcjpwYXNz'],
    ['postgres://apex:hunter2@db:5432/apex', 'hunter2'],
    ['password=hunter2 host=db', 'hunter2'],
    ['{"api_key":"hunter2"}', 'hunter2'],
    ['{\\"apiKey\\": \\"hunter2\\"}', 'hunter2'],
    ['https://host/v1?api-key=hunter2&x=1', 'hunter2'],
    ['{"adminToken":"hunter2"}', 'hunter2'],
  ])('hides the secret of %s', (text, secret) => {
    expect(maskSecrets(text)).not.toContain(secret);
  });

  it('leaves ordinary text alone', () => {
    const text = 'apex_request_duration_seconds grew; promptTokens: 500; task-force at https://api.openai.com/v1 asked for 12 tokens (skill sk-1) at 10:00:00, basic setup';
    expect(maskSecrets(text)).toBe(text);
  });
});

describe('redact', () => {
  it('judges fields by their names, at any depth', () => {
    expect(
      redact({
        headers: { authorization: 'x', Cookie: 'y', 'set-cookie': ['z'], 'x-api-key': 'k', 'content-type': 'application/json' },
        adminToken: 't',
        access_token: 't',
        clientSecret: 's',
        request: { body: { messages: [] }, rawBody: Buffer.from('x'), prompt: 'p', model: 'gpt-4o' },
        promptTokens: 5,
        completion_tokens: 7,
        parameters: [1],
        apiKey: null,
      }),
    ).toEqual({
      headers: { authorization: '[redacted]', Cookie: '[redacted]', 'set-cookie': '[redacted]', 'x-api-key': '[redacted]', 'content-type': 'application/json' },
      adminToken: '[redacted]',
      access_token: '[redacted]',
      clientSecret: '[redacted]',
      request: { body: '[omitted]', rawBody: '[omitted]', prompt: '[omitted]', model: 'gpt-4o' },
      promptTokens: 5,
      completion_tokens: 7,
      parameters: '[omitted]',
      apiKey: null,
    });
  });

  it('keeps of an error its type, message, code, stack and cause, and nothing that a driver hung on it', () => {
    const cause = Object.assign(new Error('inner sk-abcdefgh'), { parameters: ['hunter2'] });
    const error = Object.assign(new TypeError('outer', { cause }), { code: 'E1', query: 'select', config: { headers: { authorization: 'hunter2' } } });
    const redacted = redact({ err: error }) as { err: Record<string, unknown> };
    expect(redacted.err).toMatchObject({ type: 'TypeError', message: 'outer', code: 'E1', cause: { message: 'inner sk-[redacted]' } });
    expect(Object.keys(redacted.err)).toEqual(['type', 'message', 'code', 'stack', 'cause']);
    expect(JSON.stringify(redacted)).not.toMatch(/hunter2|select/);
  });

  it('does not repeat what JSON.parse could not read', () => {
    let thrown: unknown;
    try {
      JSON.parse('{"messages": hunter2 was here}');
    } catch (error) {
      thrown = error;
    }
    expect(String(thrown)).toContain('hunter2');
    expect(JSON.stringify(redact(thrown))).not.toContain('hunter2');
  });

  it('ends on cycles, long texts and anything else', () => {
    const cycle: Record<string, unknown> = { name: 'x' };
    cycle['self'] = cycle;
    expect(() => JSON.stringify(redact(cycle))).not.toThrow();
    expect((redact('x'.repeat(20_000)) as string).length).toBeLessThan(9_000);
    expect(redact([new Map([['token', 'a']]), new Set([1]), new Date(0), new Date(Number.NaN), 5n, Symbol('x')])).toEqual([
      { token: '[redacted]' },
      [1],
      '1970-01-01T00:00:00.000Z',
      null,
      '5',
      undefined,
    ]);
    fc.assert(fc.property(fc.anything(), (value) => void JSON.stringify(redact(value))));
  });
});
