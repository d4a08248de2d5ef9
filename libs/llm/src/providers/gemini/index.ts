import { geminiPath } from '../../core/protocols/gemini/index.js';
import { type ProviderKind } from '../provider-kind.js';

/** Gemini's native API. The base URL is the origin, as its SDK has it. https://ai.google.dev/api/generate-content */
export const gemini: ProviderKind = {
  kind: 'gemini',
  protocols: ['gemini'],
  embeddings: false,
  path: (operation) => {
    if (operation.kind !== 'generate') return '/v1beta/models';
    // A name that no model can have is encoded, so that it stays one segment, and the provider says that it is none.
    return `/v1beta${geminiPath(operation.model, operation.stream) ?? `/models/${encodeURIComponent(operation.model)}:generateContent`}`;
  },
  headers: (apiKey) => ({ 'x-goog-api-key': apiKey }),
  passedHeaders: [],
  defaults: { baseUrl: 'https://generativelanguage.googleapis.com', apiKeyEnv: 'GEMINI_API_KEY', models: ['gemini-*'], priceAs: 'google' },
};
