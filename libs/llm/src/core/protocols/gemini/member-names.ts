import { memberNames, type MemberNames, type Renames } from '../../dialogue/member-names.js';
import { at } from '../../dialogue/problems.js';

const MEMBERS: Renames = {
  turns: 'contents',
  toolChoice: 'toolConfig.functionCallingConfig',
  maxOutputTokens: 'generationConfig.maxOutputTokens',
  temperature: 'generationConfig.temperature',
  topP: 'generationConfig.topP',
  topK: 'generationConfig.topK',
  stop: 'generationConfig.stopSequences',
  seed: 'generationConfig.seed',
  presencePenalty: 'generationConfig.presencePenalty',
  frequencyPenalty: 'generationConfig.frequencyPenalty',
  candidates: 'generationConfig.candidateCount',
  'output.schema': 'generationConfig.responseJsonSchema',
  output: 'generationConfig.responseMimeType',
  'reasoning*': 'generationConfig.thinkingConfig',
};

/**
 * Contents are turns. A part of a turn is named by its content alone, for a part of Gemini's may be two: text, and the
 * signature on it. So are tools by `tools`: their declarations stand in lists within a list.
 */
export const namesIn = (_body: unknown): MemberNames => {
  const names = memberNames({
    members: MEMBERS,
    tools: {},
    system: (index) => at('systemInstruction.parts', index),
    place: (turn) => ({ path: at('contents', turn), members: {} }),
  });
  return (member) => (member.startsWith('tools[') ? 'tools' : names(member.replace(/^(turns\[\d+\]).*$/, '$1')));
};
