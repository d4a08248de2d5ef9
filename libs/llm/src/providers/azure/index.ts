import { type Operation, type ProviderKind } from '../provider-kind.js';

/** The newest version of Azure's data plane that is generally available and has deployments in its URLs. */
const API_VERSION = '2024-10-21';

const deployment = (model: string, rest: string): string => `/openai/deployments/${encodeURIComponent(model)}${rest}?api-version=${API_VERSION}`;

/**
 * Azure OpenAI with its own URL scheme: the deployment, which is what callers name as the model, stands in the path,
 * and the key in `api-key`. The base URL is the resource's: `https://NAME.openai.azure.com`.
 * https://learn.microsoft.com/azure/ai-services/openai/reference
 */
export const azure: ProviderKind = {
  kind: 'azure',
  protocols: ['openai-chat'],
  embeddings: true,
  path: (operation: Operation) => {
    switch (operation.kind) {
      case 'generate':
        return deployment(operation.model, '/chat/completions');
      case 'embeddings':
        return deployment(operation.model, '/embeddings');
      case 'models':
        return `/openai/models?api-version=${API_VERSION}`;
    }
  },
  headers: (apiKey) => ({ 'api-key': apiKey }),
  passedHeaders: [],
  defaults: { baseUrl: null, apiKeyEnv: 'AZURE_OPENAI_API_KEY', models: [], priceAs: 'azure' },
};
