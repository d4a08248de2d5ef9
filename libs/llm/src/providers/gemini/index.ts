import { type ProviderKind } from '../provider-kind.js';

/** Gemini's native API. The base URL is the origin, as its SDK has it. https://ai.google.dev/api/generate-content */
export const gemini: ProviderKind = {
  kind: 'gemini',
  protocols: ['gemini'],
  embeddings: false,
  path: (operation) => {
    if (operation.kind !== 'generate') return '/v1beta/models';
    const model = encodeURIComponent(operation.model);
    return operation.stream ? `/v1beta/models/${model}:streamGenerateContent?alt=sse` : `/v1beta/models/${model}:generateContent`;
  },
  headers: (apiKey) => ({ 'x-goog-api-key': apiKey }),
  passedHeaders: [],
  defaults: { baseUrl: 'https://generativelanguage.googleapis.com', apiKeyEnv: 'GEMINI_API_KEY', models: ['gemini-*'], priceAs: 'google' },
};
