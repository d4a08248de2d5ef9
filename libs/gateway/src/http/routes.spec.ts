import { isDataPlane, route } from './routes.js';

describe('route', () => {
  it.each([
    ['POST', '/v1/chat/completions', { kind: 'call', path: 'gateway', surface: 'chat.completions' }],
    ['POST', '/v1/chat/completions?api-version=1', { kind: 'call', path: 'gateway', surface: 'chat.completions' }],
    ['POST', '/direct/v1/embeddings', { kind: 'call', path: 'direct', surface: 'embeddings' }],
    ['GET', '/v1/models', { kind: 'models', path: 'gateway', model: null }],
    ['GET', '/direct/v1/models/ft%3Agpt-4o', { kind: 'models', path: 'direct', model: 'ft:gpt-4o' }],
    ['GET', '/v1/models/%zz', { kind: 'models', path: 'gateway', model: '%zz' }],
    ['GET', '/v1/chat/completions', { kind: 'wrong_method' }],
    ['DELETE', '/v1/models/x', { kind: 'wrong_method' }],
    ['POST', '/v1/chat/completions/', { kind: 'unknown' }],
    ['POST', '/v1/../api/keys', { kind: 'unknown' }],
    ['POST', '/v1/__proto__', { kind: 'unknown' }],
    ['POST', '/direct/v1/direct/v1/embeddings', { kind: 'unknown' }],
  ])('%s %s', (method, url, expected) => {
    expect(route(method, url)).toEqual(expected);
  });

  it.each([
    ['/v1/anything', true],
    ['/direct/v1/x', true],
    ['/v1', false],
    ['/api/v1/', false],
    ['/direct/api', false],
  ])('%s is the data plane: %s', (url, expected) => {
    expect(isDataPlane(url)).toBe(expected);
  });
});
