import { parseEnv } from '@apex/common';
import { llmConfig, llmEnvSchema } from '../llm.config.js';

const providersFor = (env: Record<string, string>) => llmConfig(parseEnv(llmEnvSchema, env)).providers;

describe("a provider's address", () => {
  it.each(['http://169.254.169.254', 'http://169.254.169.254/latest', 'http://2852039166', 'http://0xa9fea9fe', 'http://0251.0376.0251.0376', 'http://[::ffff:a9fe:a9fe]', 'http://[64:ff9b::a9fe:a9fe]', 'http://[fe80::1]', 'http://[fd00:ec2::254]', 'http://100.100.100.200', 'http://0.0.0.0:8000', 'http://0', 'http://[::]', 'http://224.0.0.1'])('is never %s', (baseUrl) => {
    expect(() => providersFor({ OPENAI_BASE_URL: `${baseUrl}/v1` })).toThrow(/OPENAI_BASE_URL.*link-local/);
    expect(() => providersFor({ ANTHROPIC_BASE_URL: baseUrl })).toThrow(/ANTHROPIC_BASE_URL/);
    expect(() => providersFor({ APEX_PROVIDERS: JSON.stringify([{ name: 'mine', baseUrl, apiKeyEnv: 'MINE' }]) })).toThrow(/APEX_PROVIDERS/);
  });

  it.each(['http://127.0.0.1:9999', 'http://10.0.0.7', 'http://[::1]:1', 'http://192.168.1.5', 'http://gpu:8000', 'https://api.example.com'])('may be %s: an operator says so', (baseUrl) => {
    expect(providersFor({ OPENAI_BASE_URL: `${baseUrl}/v1` })[0]).toMatchObject({ origin: new URL(baseUrl).origin });
  });
});
