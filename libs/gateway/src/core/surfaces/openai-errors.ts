import { type Refusal } from '../call.js';

/** OpenAI's error shape: https://platform.openai.com/docs/guides/error-codes/api-errors */
export const openAiErrorBody = ({ message, type, code, param }: Refusal): Buffer => Buffer.from(JSON.stringify({ error: { message, type, code, param } }));

/** OpenAI's SDKs raise an `APIError` for an event of this shape, and never see a `[DONE]`. */
export const openAiErrorEvent = (refusal: Refusal): Buffer => Buffer.concat([Buffer.from('data: '), openAiErrorBody(refusal), Buffer.from('\n\n')]);
