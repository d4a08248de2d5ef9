/** What cannot be had, and why. A cell that is not named here has to work; one that is named has to be refused in this way. */
export interface Refused {
  readonly client: string;
  readonly providers: readonly string[];
  readonly features: readonly string[];
  /** Names the member that cannot be carried over. */
  readonly param: RegExp;
  readonly why: string;
}

export const refused: readonly Refused[] = [
  {
    client: 'ai SDK openai.responses',
    providers: ['compatible', 'anthropic', 'gemini'],
    features: ['multi-turn'],
    param: /^input\[\d+\]$/,
    why: 'it refers to an answer that OpenAI stored (`item_reference`), which nobody else has: set `store: false`',
  },
  {
    client: 'ai SDK anthropic',
    providers: ['gemini'],
    features: ['JSON schema'],
    param: /^tool_choice\.disable_parallel_tool_use$/,
    why: 'for models that it does not know it forces a tool and forbids several calls at once, which Gemini cannot be told: set `structuredOutputMode: "outputFormat"`',
  },
];

/** What a client cannot even be asked for. */
export interface NotApplicable {
  readonly clients: readonly string[];
  readonly features: readonly string[];
  readonly why: string;
}

export const notApplicable: readonly NotApplicable[] = [
  {
    clients: ['openai, responses', 'LangChain ChatOpenAI, responses', 'ai SDK openai.responses', 'ai SDK openai.responses, store: false'],
    features: ['stop sequence'],
    why: 'the responses API has no stop sequences',
  },
];

/** Where Apex tells what it should and the client makes something else of it. The check has to fail there. */
export interface Miscounted {
  readonly client: string;
  readonly features: readonly string[];
  readonly why: string;
}

export const miscounted: readonly Miscounted[] = [
  {
    client: 'LangChain ChatAnthropic',
    features: ['usage of a stream'],
    why: 'it takes the prompt from `message_start` alone and adds the cumulative `output_tokens` of both events up, so that it is wrong with Anthropic itself; in a translated stream the provider tells the prompt at the end, in `message_delta`, where this client does not look',
  },
];
