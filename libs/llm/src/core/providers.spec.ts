import { ConfigError, parseEnv } from '@apex/common';
import { llmConfig, llmEnvSchema } from '../llm.config.js';
import { ProviderRegistry } from './providers.js';

const configFor = (env: Record<string, string>) => llmConfig(parseEnv(llmEnvSchema, env));
const registryFor = (providers: object[], base = 'https://api.openai.com/v1') =>
  new ProviderRegistry(configFor({ OPENAI_BASE_URL: base, APEX_PROVIDERS: JSON.stringify(providers) }).providers);

const groq = { name: 'groq', baseUrl: 'https://api.groq.com/openai/v1', apiKeyEnv: 'GROQ_API_KEY', models: ['llama-*', 'openai/gpt-oss-*'] };
const local = { name: 'local', baseUrl: 'http://127.0.0.1:11434/', apiKeyEnv: 'LOCAL_KEY', models: ['*-gguf', 'a.b'], streamUsage: false, priceAs: 'groq' };

describe('provider configuration', () => {
  it('has OpenAI without being told', () => {
    expect(configFor({})).toEqual({
      providers: [
        { name: 'openai', origin: 'https://api.openai.com', basePath: '/v1', apiKeyEnv: 'OPENAI_API_KEY', models: [], priceAs: 'openai', streamUsage: true },
      ],
      upstream: { connections: 4_096, connectTimeoutMs: 5_000 },
    });
  });

  it('takes any address for OpenAI, joined exactly', () => {
    const [provider] = configFor({ OPENAI_BASE_URL: 'http://127.0.0.1:9999/proxy/v1/' }).providers;
    expect(provider).toMatchObject({ name: 'openai', origin: 'http://127.0.0.1:9999', basePath: '/proxy/v1', priceAs: 'openai' });
    expect(registryFor([local]).providers).toEqual([
      { name: 'openai', origin: 'https://api.openai.com', basePath: '/v1', priceAs: 'openai', streamUsage: true },
      { name: 'local', origin: 'http://127.0.0.1:11434', basePath: '', priceAs: 'groq', streamUsage: false },
    ]);
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
    expect([resolved?.provider.name, resolved?.upstreamModel]).toEqual([provider, upstreamModel]);
  });

  it('knows no model without a name', () => {
    expect(registry.resolve('')).toBeNull();
    expect(registry.resolve('groq/')).toBeNull();
  });

  it('asks for at least one provider', () => {
    expect(() => new ProviderRegistry([])).toThrow(RangeError);
  });
});
