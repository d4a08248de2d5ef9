import { anthropic } from './anthropic/index.js';
import { azure } from './azure/index.js';
import { gemini } from './gemini/index.js';
import { openai, openaiCompatible } from './openai/index.js';
import { type ProviderKind } from './provider-kind.js';

/** Every kind of provider that Apex can speak to. */
export const providerKinds: readonly ProviderKind[] = [openai, openaiCompatible, azure, anthropic, gemini];
