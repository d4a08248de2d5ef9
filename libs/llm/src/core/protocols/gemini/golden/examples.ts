/**
 * Gemini's wire forms after the examples in its documentation (the page stands above each): shortened, with values put in
 * where the page elides them, and with members beside each other that it shows one at a time.
 */

/** ai.google.dev/gemini-api/docs/function-calling, "Step 3: Execute function code" and "Step 4: Create user friendly response". */
export const FUNCTION_CALLING_REQUEST = {
  contents: [
    { role: 'user', parts: [{ text: 'Turn the lights down to a romantic level' }] },
    { role: 'model', parts: [{ functionCall: { id: '8f2b1a3c', name: 'set_light_values', args: { brightness: 25, color_temp: 'warm' } }, thoughtSignature: 'EsIBCr8BAdHtim9' }] },
    { role: 'user', parts: [{ functionResponse: { id: '8f2b1a3c', name: 'set_light_values', response: { result: { brightness: 25, colorTemperature: 'warm' } } } }] },
  ],
  tools: [
    {
      functionDeclarations: [
        {
          name: 'set_light_values',
          description: 'Sets the brightness and color temperature of a light.',
          parameters: {
            type: 'OBJECT',
            properties: {
              brightness: { type: 'INTEGER', description: 'Light level from 0 to 100. Zero is off and 100 is full brightness' },
              color_temp: { type: 'STRING', format: 'enum', enum: ['daylight', 'cool', 'warm'], nullable: true },
              rooms: { type: 'ARRAY', items: { type: 'STRING' }, minItems: '1', maxItems: '4' },
            },
            required: ['brightness', 'color_temp'],
          },
        },
      ],
    },
  ],
  toolConfig: { functionCallingConfig: { mode: 'AUTO' } },
};

/** ai.google.dev/gemini-api/docs/text-generation (system instructions, configuration), /structured-output and /thinking. */
export const CONFIGURED_REQUEST = {
  systemInstruction: { parts: [{ text: 'You are a cat. Your name is Neko.' }] },
  contents: [{ parts: [{ text: 'List a few popular cookie recipes.' }] }],
  generationConfig: {
    stopSequences: ['Title'],
    temperature: 1.0,
    topP: 0.8,
    topK: 10,
    seed: 7,
    maxOutputTokens: 8000,
    candidateCount: 2,
    presencePenalty: 0.5,
    frequencyPenalty: -0.5,
    responseMimeType: 'application/json',
    responseJsonSchema: { type: 'array', items: { type: 'object', properties: { recipeName: { type: 'string' } }, propertyOrdering: ['recipeName'] } },
    thinkingConfig: { thinkingLevel: 'LOW', includeThoughts: true },
  },
};

/** ai.google.dev/gemini-api/docs/image-understanding and /document-processing, with a file of the web's beside those inline. */
export const MEDIA_REQUEST = {
  contents: [
    {
      role: 'user',
      parts: [
        { inlineData: { mimeType: 'image/jpeg', data: '/9j/4AAQ' }, mediaResolution: { level: 'MEDIA_RESOLUTION_HIGH' } },
        { inlineData: { mimeType: 'application/pdf', data: 'JVBERi0x' } },
        { inlineData: { mimeType: 'text/plain', data: 'R3LDvMOfZQ==' } },
        { fileData: { mimeType: 'application/pdf', fileUri: 'https://discovery.ucl.ac.uk/id/eprint/10089234/1/343019_3_art_0_py4t4l_convrt.pdf' } },
        { fileData: { fileUri: 'https://example.com/cat.png?size=2' } },
        { text: 'Caption these.' },
      ],
    },
  ],
};

/** ai.google.dev/gemini-api/docs/thinking, "Thought summaries", and /thought-signatures (a signature on the text of an answer without calls). */
export const THINKING_ANSWER = {
  candidates: [
    {
      content: {
        parts: [
          { text: "**Considering the Razor's Core**\n\nThe user asks for an explanation.", thought: true },
          { text: "Occam's Razor is a problem-solving principle.", thoughtSignature: 'EjQKMgEM' },
        ],
        role: 'model',
      },
      finishReason: 'STOP',
      index: 0,
      safetyRatings: [{ category: 'HARM_CATEGORY_HARASSMENT', probability: 'NEGLIGIBLE' }],
    },
  ],
  usageMetadata: {
    promptTokenCount: 11,
    candidatesTokenCount: 9,
    totalTokenCount: 1037,
    promptTokensDetails: [{ modality: 'TEXT', tokenCount: 11 }],
    thoughtsTokenCount: 1017,
    serviceTier: 'standard',
  },
  modelVersion: 'gemini-3.5-flash',
  responseId: 'Il0taoSYJ5Cez7IPlMzKqQ',
};

/** ai.google.dev/gemini-api/docs/function-calling, "Parallel function calling", and /thought-signatures: the first call alone is signed. */
export const PARALLEL_CALLS_ANSWER = {
  candidates: [
    {
      content: {
        role: 'model',
        parts: [
          { functionCall: { name: 'power_disco_ball', args: { power: true } }, thoughtSignature: 'CiQB0e2Kb1' },
          { functionCall: { name: 'start_music', args: { energetic: true, loud: true } } },
          { functionCall: { id: 'own', name: 'dim_lights' } },
        ],
      },
      finishReason: 'STOP',
      finishMessage: 'Model generated function call(s).',
    },
  ],
  usageMetadata: { promptTokenCount: 120, cachedContentTokenCount: 100, candidatesTokenCount: 48, totalTokenCount: 168 },
  modelVersion: 'gemini-3-pro-preview',
  responseId: 'h5Xz/aB+9',
};

/** ai.google.dev/gemini-api/docs/safety-settings, "Safety feedback": the prompt, and the answer. */
export const BLOCKED_PROMPT = {
  promptFeedback: { blockReason: 'SAFETY', safetyRatings: [{ category: 'HARM_CATEGORY_DANGEROUS_CONTENT', probability: 'HIGH', blocked: true }] },
  usageMetadata: { promptTokenCount: 9, totalTokenCount: 9 },
  modelVersion: 'gemini-2.5-flash',
  responseId: 'aa',
};

/** A `streamGenerateContent?alt=sse`, event by event, in the form of ai.google.dev/gemini-api/docs/text-generation ("Streaming responses"), with thoughts and calls. */
export const STREAM: readonly string[] = [
  '{"candidates":[{"content":{"parts":[{"text":"**Planning**\\n\\n","thought":true}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":31,"totalTokenCount":90,"promptTokensDetails":[{"modality":"TEXT","tokenCount":31}],"thoughtsTokenCount":59},"modelVersion":"gemini-3-flash-preview","responseId":"Zm9v"}',
  '{"candidates":[{"content":{"parts":[{"text":"I need the weather.","thought":true}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":31,"totalTokenCount":90,"thoughtsTokenCount":59},"modelVersion":"gemini-3-flash-preview","responseId":"Zm9v"}',
  '{"candidates":[{"content":{"parts":[{"text":"Let me"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":31,"candidatesTokenCount":2,"totalTokenCount":92,"thoughtsTokenCount":59},"modelVersion":"gemini-3-flash-preview","responseId":"Zm9v"}',
  '{"candidates":[{"content":{"parts":[{"text":" look."}],"role":"model"},"index":0}],"modelVersion":"gemini-3-flash-preview","responseId":"Zm9v"}',
  '{"candidates":[{"content":{"parts":[{"functionCall":{"name":"get_weather","args":{"city":"Paris"}},"thoughtSignature":"EsIB"},{"functionCall":{"name":"get_weather","args":{"city":"Bern"}}}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":31,"candidatesTokenCount":40,"totalTokenCount":130,"thoughtsTokenCount":59},"modelVersion":"gemini-3-flash-preview","responseId":"Zm9v"}',
  '{"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":31,"cachedContentTokenCount":16,"candidatesTokenCount":41,"totalTokenCount":131,"thoughtsTokenCount":59},"modelVersion":"gemini-3-flash-preview","responseId":"Zm9v"}',
];

/** ai.google.dev/gemini-api/docs/troubleshooting and /api-key. */
export const ERRORS = {
  badKey: {
    error: {
      code: 400,
      message: 'API key not valid. Please pass a valid API key.',
      status: 'INVALID_ARGUMENT',
      details: [
        { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID', domain: 'googleapis.com', metadata: { service: 'generativelanguage.googleapis.com' } },
        { '@type': 'type.googleapis.com/google.rpc.LocalizedMessage', locale: 'en-US', message: 'API key not valid. Please pass a valid API key.' },
      ],
    },
  },
  badField: {
    error: {
      code: 400,
      message: 'Invalid JSON payload received. Unknown name "exclusiveMinimum" at \'tools[0]\': Cannot find field.',
      status: 'INVALID_ARGUMENT',
      details: [{ '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: [{ field: 'tools[0]', description: 'Cannot find field.' }] }],
    },
  },
  quota: {
    error: {
      code: 429,
      message: 'You exceeded your current quota.',
      status: 'RESOURCE_EXHAUSTED',
      details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '34s' }],
    },
  },
  overloaded: { error: { code: 503, message: 'The model is overloaded. Please try again later.', status: 'UNAVAILABLE' } },
} as const;
