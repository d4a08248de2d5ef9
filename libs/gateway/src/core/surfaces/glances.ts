import { type Surface } from '@apex/usage';
import { type Call } from '../call.js';
import { glanceCount, glanceFlag, glanceMessages, glanceSmall, glanceText } from '../json/glance.js';
import { type TopLevel } from '../json/top-level.js';

/** What a surface's `check` would say of a good request, from its bytes alone; null: not sure, it has to be parsed and checked. */
type Glance = (body: Buffer, top: TopLevel) => Call | null;

const chatCompletions: Glance = (body, top) => {
  const model = glanceModel(body, top);
  const stream = glanceFlag(body, top, 'stream');
  if (model === undefined || stream === undefined || !glanceMessages(body, top, 'messages')) return null;
  if (!glanceCount(body, top, 'n') || !glanceCount(body, top, 'max_tokens') || !glanceCount(body, top, 'max_completion_tokens')) return null;
  if (!top.members.has('stream_options')) return { model, stream, wantsUsageChunk: false, hasStreamOptions: false };
  const options = glanceSmall(body, top, 'stream_options');
  if (!stream || typeof options !== 'object' || options === null || Array.isArray(options)) return null;
  const include = (options as { include_usage?: unknown }).include_usage;
  return include === undefined || typeof include === 'boolean' ? { model, stream, wantsUsageChunk: include === true, hasStreamOptions: true } : null;
};

const messages: Glance = (body, top) => {
  const model = glanceModel(body, top);
  const stream = glanceFlag(body, top, 'stream');
  if (model === undefined || stream === undefined || !glanceMessages(body, top, 'messages')) return null;
  return top.members.has('max_tokens') && glanceCount(body, top, 'max_tokens') ? { model, stream, wantsUsageChunk: true, hasStreamOptions: false } : null;
};

const responses: Glance = (body, top) => {
  const model = glanceModel(body, top);
  const stream = glanceFlag(body, top, 'stream');
  if (model === undefined || stream === undefined || !hasInput(body, top, 2) || !glanceCount(body, top, 'max_output_tokens')) return null;
  return { model, stream, wantsUsageChunk: true, hasStreamOptions: top.members.has('stream_options') };
};

const embeddings: Glance = (body, top) => {
  const model = glanceModel(body, top);
  // Something between its quotes or brackets that is more than a space.
  return model === undefined || !hasInput(body, top, 4) ? null : { model, stream: false, wantsUsageChunk: false, hasStreamOptions: false };
};

export const glances: Readonly<Record<Surface, Glance>> = { 'chat.completions': chatCompletions, responses, messages, embeddings };

const glanceModel = (body: Buffer, top: TopLevel): string | undefined => glanceText(body, top, 'model') || undefined;

/** A text or an array of at least so many bytes. */
function hasInput(body: Buffer, top: TopLevel, bytes: number): boolean {
  const span = top.members.get('input');
  if (span === undefined || span.valueEnd - span.valueStart < bytes) return false;
  const first = body[span.valueStart];
  return first === 0x22 || (first === 0x5b && body[span.valueStart + 1]! > 0x20);
}
