/** A well-known provider: named in `APEX_PROVIDERS`, the rest of its entry may be left out. */
export interface Preset {
  readonly kind: string;
  readonly baseUrl: string;
  /** null: it wants no key. */
  readonly apiKeyEnv: string | null;
  readonly priceAs: string;
  readonly streamUsage: boolean;
  /** It takes the reasoning of earlier turns back. */
  readonly echoesReasoning?: boolean;
}

/** Addresses as each provider documents them for OpenAI's SDKs. */
export const presets: Readonly<Record<string, Preset>> = {
  groq: { kind: 'openai-compatible', baseUrl: 'https://api.groq.com/openai/v1', apiKeyEnv: 'GROQ_API_KEY', priceAs: 'groq', streamUsage: true },
  openrouter: { kind: 'openai-compatible', baseUrl: 'https://openrouter.ai/api/v1', apiKeyEnv: 'OPENROUTER_API_KEY', priceAs: 'openrouter', streamUsage: true, echoesReasoning: true },
  vllm: { kind: 'openai-compatible', baseUrl: 'http://127.0.0.1:8000/v1', apiKeyEnv: null, priceAs: 'vllm', streamUsage: true },
  ollama: { kind: 'openai-compatible', baseUrl: 'http://127.0.0.1:11434/v1', apiKeyEnv: null, priceAs: 'ollama', streamUsage: true },
};
