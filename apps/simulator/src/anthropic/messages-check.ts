import { badRequest } from './errors.js';
import { type MessagesBody } from './messages.schema.js';
import { type ClaudeModel } from './models.js';
import { checkStrictSchema } from './strict-schema.js';
import { type Turn } from './turns.js';

/** The versions of the API; all but the newest take sampling parameters. */
const NEWEST_VERSION = '2026-10-21';
export const VERSIONS: readonly string[] = ['2023-01-01', '2023-06-01', NEWEST_VERSION];

/**
 * What version 2026-10-21 took away (platform.claude.com/docs/en/api/migration-2026-10-21): sampling parameters,
 * documents of an assistant, citations of a user. @throws AnthropicError
 */
export function checkVersion(version: string, body: object, turns: readonly Turn[]): void {
  if (version !== NEWEST_VERSION) return;
  for (const name of ['temperature', 'top_p', 'top_k']) if (name in body) throw badRequest(`${name}: Extra inputs are not permitted`);
  for (const { role, blocks } of turns) {
    for (const { block, path, message } of blocks) {
      if (role === 'assistant' && block.type === 'document') throw badRequest(`messages.${message}: \`document\` blocks can only be in \`user\` messages`);
      const texts = block.type === 'search_result' ? block.content : block.type === 'text' ? [block] : [];
      if (role === 'user' && texts.some((text) => (text.citations?.length ?? 0) > 0)) throw badRequest(`${path}.citations: citations are not permitted in \`user\` messages`);
    }
  }
}

/** The rules that span several parameters. @throws AnthropicError */
export function checkTogether(body: MessagesBody, model: ClaudeModel, turns: readonly Turn[]): void {
  if (body.max_tokens > model.maxOutput) throw badRequest(`max_tokens: ${body.max_tokens} > ${model.maxOutput}, which is the maximum allowed number of output tokens for ${model.snapshot}`);
  if (body.temperature !== undefined && body.top_p !== undefined) throw badRequest('`temperature` and `top_p` cannot both be specified for this model. Please use only one.');
  if (body.stop_sequences?.some((stop) => stop.trim() === '') === true) throw badRequest('stop_sequences: each stop sequence must contain non-whitespace');
  if (Array.isArray(body.system) && body.system.some((block) => block.text === '')) throw badRequest('system: text content blocks must be non-empty');
  if (turns.at(-1)?.role === 'assistant' && !model.prefill) throw badRequest('This model does not support assistant message prefill. The conversation must end with a user message.');
  const effort = body.output_config?.effort;
  if (effort != null && model.efforts.length === 0) throw badRequest('This model does not support the effort parameter.');
  if (effort != null && !model.efforts.includes(effort)) throw badRequest(`output_config.effort: This model does not support effort level '${effort}'. Supported levels: ${model.efforts.join(', ')}.`);
  if (body.output_config?.format) checkStrictSchema(body.output_config.format.schema, 'output_config.format.schema');
  checkTools(body);
  checkThinking(body, model, turns);
}

function checkTools(body: MessagesBody): void {
  const tools = body.tools ?? [];
  if (body.tool_choice && tools.length === 0) throw badRequest('tool_choice: `tool_choice` may only be specified while providing `tools`.');
  const names = new Set(tools.map((tool) => tool.name));
  if (names.size < tools.length) throw badRequest('tools: Tool names must be unique.');
  if (body.tool_choice?.type === 'tool' && !names.has(body.tool_choice.name)) throw badRequest(`Tool '${body.tool_choice.name}' not found in provided tools`);
  for (const [index, tool] of tools.entries()) if (tool.strict === true) checkStrictSchema(tool.input_schema, `tools.${index}.custom.input_schema`);
}

const HELP = 'Please consult our documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking';

function checkThinking(body: MessagesBody, model: ClaudeModel, turns: readonly Turn[]): void {
  const { thinking } = body;
  if (!thinking || thinking.type === 'disabled') return;
  if (thinking.type === 'adaptive' && !model.adaptive) throw badRequest('adaptive thinking is not supported on this model');
  if (thinking.type === 'enabled' && body.max_tokens <= thinking.budget_tokens) throw badRequest(`\`max_tokens\` must be greater than \`thinking.budget_tokens\`. ${HELP}#max-tokens-and-context-window-size`);
  if (body.temperature !== undefined && body.temperature !== 1) throw badRequest(`\`temperature\` may only be set to 1 when thinking is enabled. ${HELP}#important-considerations-when-using-extended-thinking`);
  if (body.top_p !== undefined && body.top_p < 0.95) throw badRequest(`\`top_p\` must be greater than or equal to 0.95 or unset when thinking is enabled. ${HELP}`);
  if (body.top_k !== undefined) throw badRequest(`\`top_k\` must be unset when thinking is enabled. ${HELP}#important-considerations-when-using-extended-thinking`);
  if (body.tool_choice?.type === 'any' || body.tool_choice?.type === 'tool') throw badRequest('Thinking may not be enabled when tool_choice forces tool use.');
  if (thinking.type === 'enabled') checkThinkingGoesOn(turns);
}

/** In the middle of a use of tools the turn that goes on must have begun with its thoughts. */
function checkThinkingGoesOn(turns: readonly Turn[]): void {
  const last = turns.at(-1) as Turn;
  const open = last.role === 'assistant' ? last : last.blocks.some(({ block }) => block.type === 'tool_result') ? turns.at(-2) : undefined;
  const first = open?.blocks[0];
  if (!first || first.block.type === 'thinking' || first.block.type === 'redacted_thinking') return;
  throw badRequest(`${first.path}.type: Expected \`thinking\` or \`redacted_thinking\`, but found \`${first.block.type}\`. When \`thinking\` is enabled, a final \`assistant\` message must start with a thinking block (preceeding the lastmost set of \`tool_use\` and \`tool_result\` blocks). We recommend you include thinking blocks from previous turns. To avoid this requirement, disable \`thinking\`. ${HELP}`);
}
