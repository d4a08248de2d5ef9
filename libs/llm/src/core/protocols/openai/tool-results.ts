import { type ToolResultPart } from '../../dialogue/conversation.js';
import { openedId } from '../../dialogue/sealed-ids.js';

/**
 * Two things that a tool message cannot say, and the words for them.
 *
 * That a tool failed is told by a text of its own before what the tool said; such a text from a client means the same.
 * Images and files may not stand in a tool message: they follow in a user message, under a line that says whose they are.
 */
export const TOOL_FAILED = 'The tool call failed.';

export const attachedTo = (toolCallId: string): string => `Attached to the result of tool call ${toolCallId}:`;

/** The result of this call; empty texts in it say nothing. */
export function toolResult(callId: string, content: ToolResultPart['content']): ToolResultPart {
  const said = content.filter((part) => part.type !== 'text' || part.text !== '');
  const isError = said[0]?.type === 'text' && said[0].text === TOOL_FAILED;
  return { type: 'tool_result', toolCallId: openedId(callId).id, content: isError ? said.slice(1) : said, isError };
}
