import fc from 'fast-check';
import { geminiPath, parseGeminiPath } from './path.js';

describe('geminiPath', () => {
  it('names the model and whether to stream', () => {
    expect(geminiPath('gemini-3.8-flash', false)).toBe('/models/gemini-3.8-flash:generateContent');
    expect(geminiPath('gemini-3.8-flash', true)).toBe('/models/gemini-3.8-flash:streamGenerateContent?alt=sse');
    expect(geminiPath('models/gemini-2.5-pro', false)).toBe('/models/gemini-2.5-pro:generateContent');
    expect(geminiPath('tunedModels/my-model', false)).toBe('/tunedModels/my-model:generateContent');
  });

  it.each(['', '.', '..', 'models/', 'models/..', '../files', 'a/b', 'a/../b', 'models/models/a', 'a:countTokens', 'a?key=1', 'a#b', 'a%2f..', 'a b', 'a\n', 'a&b', 'a\\b', 'cachedContents/x', 'a'.repeat(129), '😀'])(
    'gives %j no path',
    (model) => {
      expect(geminiPath(model, true)).toBeNull();
    },
  );

  it('lets nobody out of it: whatever has a path stays one segment below its collection', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ maxLength: 40 }), fc.string({ unit: fc.constantFrom('a', '.', '/', ':', '?', '%', '-', 'models'), maxLength: 12 })), fc.boolean(), (model, stream) => {
        const path = geminiPath(model, stream);
        if (path === null) return;
        const url = new URL(`https://host/v1beta${path}`);
        expect(url.pathname + url.search).toBe(`/v1beta${path}`);
        expect(url.pathname.split('/')).toHaveLength(4);
        expect(parseGeminiPath(url.pathname + url.search)).toEqual({ model: model.replace(/^models\//, ''), stream });
      }),
      { numRuns: 3_000 },
    );
  });
});

describe('parseGeminiPath', () => {
  it('reads what a client asks for, below any version', () => {
    expect(parseGeminiPath('/v1beta/models/gemini-3.8-flash:generateContent')).toEqual({ model: 'gemini-3.8-flash', stream: false });
    expect(parseGeminiPath('/models/gemini-3.8-flash:streamGenerateContent?alt=sse&key=x')).toEqual({ model: 'gemini-3.8-flash', stream: true });
  });

  it.each(['/', '/v1beta/models', '/v1beta/models/a:countTokens', '/v1beta/models/:generateContent', '/v1beta/models/a b:generateContent', '/v1beta/models/a:generateContent/x'])('makes nothing of %s', (path) => {
    expect(parseGeminiPath(path)).toBeNull();
  });
});
