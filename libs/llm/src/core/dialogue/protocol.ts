/** The protocols that Apex speaks, in both roles. */
export type Protocol = 'openai-chat' | 'openai-responses' | 'anthropic-messages' | 'gemini';
