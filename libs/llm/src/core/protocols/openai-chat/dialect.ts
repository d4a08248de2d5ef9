/** Where OpenAI-compatible providers differ in what they take. What they send is read in every dialect. */
export interface ChatDialect {
  /**
   * `echo`: takes the reasoning of earlier turns back, as `reasoning_content` (DeepSeek: api-docs.deepseek.com/guides/thinking_mode),
   * `reasoning_details` (OpenRouter: openrouter.ai/docs/use-cases/reasoning-tokens) and `extra_content` (Gemini's endpoint:
   * ai.google.dev/gemini-api/docs/thought-signatures). `omit`: has no words for it; OpenAI keeps no reasoning between the
   * turns of a chat, Groq and Mistral refuse a request that holds some.
   */
  readonly reasoning: 'echo' | 'omit';
  /** OpenAI's reasoning models refuse `max_tokens`; older compatible servers know nothing else. */
  readonly maxTokens: 'max_completion_tokens' | 'max_tokens';
  /** Takes `stream_options`, and so tells the usage of a stream. */
  readonly streamUsage: boolean;
}

export const OPENAI_DIALECT: ChatDialect = Object.freeze({ reasoning: 'omit', maxTokens: 'max_completion_tokens', streamUsage: true });
