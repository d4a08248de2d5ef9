import { type ProviderKind } from '../provider-kind.js';

/** OpenAI itself: chat completions, responses, embeddings. https://platform.openai.com/docs/api-reference */
export const openai: ProviderKind = {
  kind: 'openai',
  protocols: ['openai-chat', 'openai-responses'],
  embeddings: true,
  path: (operation) => {
    switch (operation.kind) {
      case 'generate':
        return operation.protocol === 'openai-responses' ? '/responses' : '/chat/completions';
      case 'embeddings':
        return '/embeddings';
      case 'models':
        return '/models';
    }
  },
  headers: (apiKey) => ({ authorization: `Bearer ${apiKey}` }),
  passedHeaders: ['openai-organization', 'openai-project', 'openai-beta'],
  defaults: { baseUrl: 'https://api.openai.com/v1', apiKeyEnv: 'OPENAI_API_KEY', models: [], priceAs: 'openai' },
};

/** What says that it is compatible with OpenAI is so with chat completions and embeddings; responses are translated for it. */
export const openaiCompatible: ProviderKind = {
  ...openai,
  kind: 'openai-compatible',
  protocols: ['openai-chat'],
  passedHeaders: [],
  defaults: { baseUrl: null, apiKeyEnv: null, models: [], priceAs: 'openai' },
};
