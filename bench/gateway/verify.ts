import { chatBody, SSE_EVENTS, type Mode } from './requests.js';
import { type RunningTarget } from './targets/target.js';

/** One request of each mode, read in full: a target that answers with something else is not measured. */
export async function verifyTarget(name: string, target: RunningTarget, modes: readonly Mode[]): Promise<void> {
  for (const mode of modes) {
    const response = await fetch(target.url, { method: 'POST', headers: target.headers, body: chatBody(mode, 1024) });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${name}, ${mode}: status ${response.status}: ${text.slice(0, 500)}`);
    const problem = mode === 'sse' ? problemOfStream(text) : problemOfJson(text);
    if (problem) throw new Error(`${name}, ${mode}: ${problem}: ${text.slice(0, 500)}`);
  }
}

export function problemOfJson(text: string): string | null {
  const answer = JSON.parse(text) as { id?: string; choices?: { message?: { content?: string } }[]; usage?: { total_tokens?: number } };
  if (!answer.id?.startsWith('chatcmpl-')) return 'no completion id';
  if (!answer.choices?.[0]?.message?.content) return 'no content';
  return answer.usage?.total_tokens ? null : 'no usage';
}

/** All content events in one answer, `[DONE]` at the end, and no usage event: the client did not ask for one. */
export function problemOfStream(text: string): string | null {
  const events = text.split('\n\n').filter((event) => event.startsWith('data: ')).map((event) => event.slice('data: '.length));
  if (events.at(-1) !== '[DONE]') return 'no [DONE] at the end';
  const chunks = events.slice(0, -1).map((event) => JSON.parse(event) as { choices: unknown[] });
  if (chunks.some(({ choices }) => choices.length !== 1)) return 'an event without a choice, which was not asked for';
  return chunks.length === SSE_EVENTS ? null : `${chunks.length} events instead of ${SSE_EVENTS}`;
}
