import { type ProviderKind } from '../provider-kind.js';

/** https://docs.anthropic.com/en/api/versioning */
const API_VERSION = '2023-06-01';

/** Anthropic's Messages API. The base URL is the origin, without `/v1`, as its SDKs have it. https://docs.anthropic.com/en/api/messages */
export const anthropic: ProviderKind = {
  kind: 'anthropic',
  protocols: ['anthropic-messages'],
  embeddings: false,
  path: (operation) => (operation.kind === 'models' ? '/v1/models' : '/v1/messages'),
  headers: (apiKey) => ({ 'x-api-key': apiKey, 'anthropic-version': API_VERSION }),
  passedHeaders: ['anthropic-beta'],
  defaults: { baseUrl: 'https://api.anthropic.com', apiKeyEnv: 'ANTHROPIC_API_KEY', models: ['claude-*'], priceAs: 'anthropic' },
};
