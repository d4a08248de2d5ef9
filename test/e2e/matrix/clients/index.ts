import { type ClientSpec } from '../client.js';
import { AnthropicMessages } from './anthropic-messages.js';
import { LangChainAnthropic, LangChainOpenAiChat, LangChainOpenAiResponses } from './langchain.js';
import { OpenAiChat } from './openai-chat.js';
import { OpenAiResponses } from './openai-responses.js';
import { vercelAnthropic, vercelOpenAiChat, vercelOpenAiResponses, vercelOpenAiResponsesUnstored } from './vercel-ai.js';

/** The rows of the table. */
export const clients: readonly ClientSpec[] = [
  { name: 'openai, chat', package: 'openai', surface: '/v1/chat/completions', create: (options) => new OpenAiChat(options) },
  { name: 'openai, responses', package: 'openai', surface: '/v1/responses', create: (options) => new OpenAiResponses(options) },
  { name: 'anthropic', package: '@anthropic-ai/sdk', surface: '/v1/messages', create: (options) => new AnthropicMessages(options) },
  { name: 'LangChain ChatOpenAI, chat', package: '@langchain/openai', surface: '/v1/chat/completions', create: (options) => new LangChainOpenAiChat(options) },
  { name: 'LangChain ChatOpenAI, responses', package: '@langchain/openai', surface: '/v1/responses', create: (options) => new LangChainOpenAiResponses(options) },
  { name: 'LangChain ChatAnthropic', package: '@langchain/anthropic', surface: '/v1/messages', create: (options) => new LangChainAnthropic(options) },
  { name: 'ai SDK openai.chat', package: '@ai-sdk/openai', surface: '/v1/chat/completions', create: vercelOpenAiChat },
  { name: 'ai SDK openai.responses', package: '@ai-sdk/openai', surface: '/v1/responses', create: vercelOpenAiResponses },
  { name: 'ai SDK openai.responses, store: false', package: '@ai-sdk/openai', surface: '/v1/responses', create: vercelOpenAiResponsesUnstored },
  { name: 'ai SDK anthropic', package: '@ai-sdk/anthropic', surface: '/v1/messages', create: vercelAnthropic },
];
