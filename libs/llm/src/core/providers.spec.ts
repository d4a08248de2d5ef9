import { ConfigError, parseEnv } from '@apex/common';
import { llmConfig, llmEnvSchema } from '../llm.config.js';
import { ProviderRegistry } from './providers.js';

const configFor = (env: Record<string, string>) => llmConfig(parseEnv(llmEnvSchema, env));
const registryFor = (providers: object[], base = 'https://api.openai.com/v1') =>
  new ProviderRegistry(configFor({ OPENAI_BASE_URL: base, APEX_PROVIDERS: JSON.stringify(providers) }).providers);

const groq = { name: 'groq', baseUrl: 'https://api.groq.com/openai/v1', apiKeyEnv: 'GROQ_API_KEY', models: ['llama-*', 'openai/gpt-oss-*'] };
const local = { name: 'local', baseUrl: 'http://127.0.0.1:11434/', apiKeyEnv: 'LOCAL_KEY', models: ['*-gguf', 'a.b'], streamUsage: false, priceAs: 'groq' };

describe('provider configuration', () => {
  it('has OpenAI, Anthropic and Gemini without being told', () => {
    const { providers, upstream } = configFor({});
    expect(providers.map(({ name, kind, origin, basePath, apiKeyEnv, models, priceAs }) => ({ name, kind: kind.kind, origin, basePath, apiKeyEnv, models, priceAs }))).toEqual([
      { name: 'openai', kind: 'openai', origin: 'https://api.openai.com', basePath: '/v1', apiKeyEnv: 'OPENAI_API_KEY', models: [], priceAs: 'openai' },
      { name: 'anthropic', kind: 'anthropic', origin: 'https://api.anthropic.com', basePath: '', apiKeyEnv: 'ANTHROPIC_API_KEY', models: ['claude-*'], priceAs: 'anthropic' },
      { name: 'gemini', kind: 'gemini', origin: 'https://generativelanguage.googleapis.com', basePath: '', apiKeyEnv: 'GEMINI_API_KEY', models: ['gemini-*'], priceAs: 'google' },
    ]);
    expect(upstream).toEqual({ connections: 4_096, connectTimeoutMs: 5_000 });
  });

  it('takes any address, joined exactly', () => {
    const [provider] = configFor({ OPENAI_BASE_URL: 'http://127.0.0.1:9999/proxy/v1/' }).providers;
    expect(provider).toMatchObject({ name: 'openai', origin: 'http://127.0.0.1:9999', basePath: '/proxy/v1', priceAs: 'openai' });
    expect(registryFor([local]).providers[1]).toMatchObject({ name: 'local', kind: { kind: 'openai-compatible' }, origin: 'http://127.0.0.1:11434', basePath: '', priceAs: 'groq', streamUsage: false });
  });

  it('knows the usual providers by name alone', () => {
    const registry = registryFor([{ name: 'groq' }, { name: 'openrouter' }, { name: 'vllm', models: ['my-*'] }, { name: 'ollama', baseUrl: 'http://gpu:11434/v1' }]);
    expect(registry.providers.slice(1, 5).map(({ name, origin, basePath, keyless }) => [name, origin + basePath, keyless])).toEqual([
      ['groq', 'https://api.groq.com/openai/v1', false],
      ['openrouter', 'https://openrouter.ai/api/v1', false],
      ['vllm', 'http://127.0.0.1:8000/v1', true],
      ['ollama', 'http://gpu:11434/v1', true],
    ]);
  });

  it("speaks Azure's URL scheme and keys", () => {
    const { provider, model } = registryFor([{ name: 'eu', kind: 'azure', baseUrl: 'https://acme.openai.azure.com' }]).resolve('eu/gpt 4o?x')!;
    const url = provider.origin + provider.basePath + provider.kind.path({ kind: 'generate', protocol: 'openai-chat', model, stream: false });
    expect(url).toBe('https://acme.openai.azure.com/openai/deployments/gpt%204o%3Fx/chat/completions?api-version=2024-10-21');
    expect(provider.kind.headers('secret')).toEqual({ 'api-key': 'secret' });
  });

  it.each([
    ['OPENAI_BASE_URL', 'api.openai.com/v1'],
    ['OPENAI_BASE_URL', 'ftp://secret-host/v1'],
    ['OPENAI_BASE_URL', 'https://user:secret@host/v1'],
    ['OPENAI_BASE_URL', 'https://host/v1?key=secret'],
    ['OPENAI_BASE_URL', 'https://host/v1#secret'],
    ['APEX_PROVIDERS', 'secret'],
    ['APEX_PROVIDERS', '{"secret": 1}'],
    ['APEX_PROVIDERS', JSON.stringify([{ ...groq, apiKey: 'secret' }])],
    ['APEX_PROVIDERS', JSON.stringify([{ ...groq, apiKeyEnv: 'sk-secret' }])],
    ['APEX_PROVIDERS', JSON.stringify([{ ...groq, name: 'openai' }])],
    ['APEX_PROVIDERS', JSON.stringify([{ name: 'mine', baseUrl: 'https://secret-host/v1' }])],
    ['APEX_PROVIDERS', JSON.stringify([{ name: 'mine', kind: 'azure' }])],
    ['APEX_ROUTES', '["secret"]'],
    ['APEX_ROUTES', '{"gpt-4o":{"targets":[]}}'],
    ['APEX_ROUTES', '{"gpt-4o":{"fallbacks":["gpt-4o-mini"],"hedgeAfterMs":0}}'],
    ['APEX_ROUTES', '{"gpt-4o":{"hedgeAfterMs":500}}'],
    ['APEX_PROVIDERS', JSON.stringify([groq, groq])],
    ['APEX_PROVIDERS', JSON.stringify([{ ...groq, name: 'a/b' }])],
    ['APEX_PROVIDERS', JSON.stringify([{ ...groq, baseUrl: 'https://x:secret@host' }])],
    ['APEX_UPSTREAM_CONNECTIONS', '0'],
  ])('refuses %s=%s by name and without its value', (variable, value) => {
    const attempt = () => configFor({ [variable]: value });
    expect(attempt).toThrow(ConfigError);
    expect(attempt).toThrow(expect.objectContaining({ variables: [variable], message: expect.not.stringContaining('secret') as string }));
  });
});

describe('ProviderRegistry', () => {
  const registry = registryFor([groq, local]);

  it.each([
    ['gpt-4o', 'openai', 'gpt-4o'],
    ['openai/gpt-4o', 'openai', 'gpt-4o'],
    ['groq/llama-3.3-70b', 'groq', 'llama-3.3-70b'],
    ['groq/openai/gpt-oss-20b', 'groq', 'openai/gpt-oss-20b'],
    ['llama-3.3-70b', 'groq', 'llama-3.3-70b'],
    ['qwen-7b-gguf', 'local', 'qwen-7b-gguf'],
    ['a.b', 'local', 'a.b'],
    ['axb', 'openai', 'axb'],
    ['meta-llama/Llama-3', 'openai', 'meta-llama/Llama-3'],
    ['/gpt-4o', 'openai', '/gpt-4o'],
    ['my-llama-3', 'openai', 'my-llama-3'],
    ['GROQ/llama', 'openai', 'GROQ/llama'],
    ['toString/x', 'openai', 'toString/x'],
  ])('sends %s to %s as %s', (model, provider, upstreamModel) => {
    const resolved = registry.resolve(model);
    expect([resolved?.provider.name, resolved?.model]).toEqual([provider, upstreamModel]);
  });

  it('knows no model without a name', () => {
    expect(registry.resolve('')).toBeNull();
    expect(registry.resolve('groq/')).toBeNull();
  });

  it('asks for at least one provider', () => {
    expect(() => new ProviderRegistry([])).toThrow(RangeError);
  });
});

describe('routes', () => {
  const { providers, routes } = configFor({
    APEX_PROVIDERS: JSON.stringify([groq]),
    APEX_ROUTES: JSON.stringify({ fast: { targets: [{ model: 'groq/llama', weight: 3 }, 'gpt-4o-mini'], fallbacks: ['claude-haiku-4-5'] }, 'gpt-4o': { fallbacks: ['gemini/gemini-2.5-pro'], hedgeAfterMs: 500 } }),
  });
  const registry = new ProviderRegistry(providers, routes);
  const named = (route: ReturnType<typeof registry.route>) => ({
    targets: route?.targets.map(({ provider, model, weight }) => [provider.name, model, weight]),
    fallbacks: route?.fallbacks.map(({ provider, model }) => [provider.name, model]),
  });

  it('lead to the targets and fallbacks that were configured', () => {
    expect(named(registry.route('fast'))).toEqual({ targets: [['groq', 'llama', 3], ['openai', 'gpt-4o-mini', 1]], fallbacks: [['anthropic', 'claude-haiku-4-5']] });
    expect(named(registry.route('gpt-4o'))).toEqual({ targets: [['openai', 'gpt-4o', 1]], fallbacks: [['gemini', 'gemini-2.5-pro']] });
  });

  it('of other models lead to the one target that resolves', () => {
    expect(named(registry.route('claude-opus-4-5'))).toEqual({ targets: [['anthropic', 'claude-opus-4-5', 1]], fallbacks: [] });
    expect(registry.route('')).toBeNull();
  });

  it('ask two places at once only where they say so', () => {
    expect(registry.route('gpt-4o')?.hedgeAfterMs).toBe(500);
    expect(registry.route('fast')?.hedgeAfterMs).toBeNull();
    expect(registry.route('gpt-4o-mini')?.hedgeAfterMs).toBeNull();
  });

  it('to nowhere are refused', () => {
    expect(() => new ProviderRegistry(providers, { x: { targets: ['groq/'], fallbacks: [] } })).toThrow('names no model');
  });
});
