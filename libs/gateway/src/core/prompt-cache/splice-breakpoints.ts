import { type PromptBlock } from './prompt-blocks.js';

/** https://platform.claude.com/docs/en/build-with-claude/prompt-caching: for five minutes, anew with each use. */
const CONTROL = '"cache_control":{"type":"ephemeral"}';
const IN_OBJECT = Buffer.from(`,${CONTROL}`);
const BEFORE_TEXT = Buffer.from('[{"type":"text","text":');
const BEHIND_TEXT = Buffer.from(`,${CONTROL}}]`);

/** The body with a breakpoint on each of these blocks. Every byte that was there is there still, in its order. */
export function spliceBreakpoints(body: Buffer, blocks: readonly PromptBlock[], at: readonly number[]): Buffer {
  const marked = at.map((index) => blocks[index]!).sort((a, b) => a.start - b.start);
  const parts: Buffer[] = [];
  let from = 0;
  for (const { start, end, mark } of marked) {
    if (mark === 'text') {
      parts.push(body.subarray(from, start), BEFORE_TEXT, body.subarray(start, end), BEHIND_TEXT);
      from = end;
    } else {
      parts.push(body.subarray(from, end - 1), IN_OBJECT);
      from = end - 1;
    }
  }
  parts.push(body.subarray(from));
  return Buffer.concat(parts);
}
