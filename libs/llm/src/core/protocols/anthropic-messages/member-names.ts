import { fieldsOf, isPresent } from '@apex/common';
import { entriesOf, memberNames, type MemberNames, type Renames } from '../../dialogue/member-names.js';
import { at } from '../../dialogue/problems.js';

const MEMBERS: Renames = {
  turns: 'messages',
  toolChoice: 'tool_choice',
  parallelTools: 'tool_choice.disable_parallel_tool_use',
  maxOutputTokens: 'max_tokens',
  topP: 'top_p',
  topK: 'top_k',
  stop: 'stop_sequences',
  'output.schema': 'output_config.format.schema',
  output: 'output_config.format',
  'reasoning.effort': 'output_config.effort',
  'reasoning.budgetTokens': 'thinking.budget_tokens',
  'reasoning*': 'thinking',
  endUser: 'metadata.user_id',
  cache: 'cache_control',
};

const OF_TOOLS: Renames = { parameters: 'input_schema', cache: 'cache_control' };

const OF_BLOCKS: Renames = {
  'source.mediaType': 'source.media_type',
  cache: 'cache_control',
  arguments: 'input',
  toolCallId: 'tool_use_id',
  signature: 'id',
  name: 'title',
};

/** Messages are turns, and their blocks the parts: everything stands in its own place. */
export function namesIn(body: unknown): MemberNames {
  const members = isPresent(fieldsOf(body)['output_format']) ? { ...MEMBERS, 'output.schema': 'output_format.schema', output: 'output_format' } : MEMBERS;
  return memberNames({
    members,
    tools: OF_TOOLS,
    system: (index) => (Array.isArray(fieldsOf(body)['system']) ? at('system', index) : 'system'),
    place: (turn, part) => {
      const path = at('messages', turn);
      if (part === null) return { path, members: {} };
      const content = at(path, 'content');
      // A text is short for one block.
      return { path: Array.isArray(fieldsOf(entriesOf(body, 'messages')[turn])['content']) ? at(content, part) : content, members: OF_BLOCKS };
    },
  });
}
