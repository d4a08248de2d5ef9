import { between, type Random, randomFrom } from '../../apps/simulator/src/core/random.js';
import { writeProse } from '../../apps/simulator/src/core/prose.js';

/** A request of a workload: when it is sent, by which session. */
export interface Sent {
  readonly atMs: number;
  readonly session: string;
  readonly body: object;
}

export type Style = 'anthropic' | 'openai';
const MODELS: Readonly<Record<Style, string>> = { anthropic: 'claude-sonnet-4-5', openai: 'gpt-5-mini' };

interface Agent {
  readonly system: string;
  readonly tools: readonly { readonly name: string; readonly description: string }[];
}

/** Agents that share their instructions and tools, and each work through a task of its own, turn by turn, side by side. */
export function agentWorkload(style: Style, { sessions = 12, turns = 10, seed = 7 } = {}): Sent[] {
  const random = randomFrom(seed);
  const agent: Agent = {
    system: words(random, 2_000),
    tools: Array.from({ length: 8 }, (_, index) => ({ name: `tool_${index}`, description: words(random, 60) })),
  };
  const sent: Sent[] = [];
  for (let session = 0; session < sessions; session++) {
    let atMs = between(random, 0, 600_000);
    const messages: object[] = [{ role: 'user', content: words(random, 80) }];
    for (let turn = 0; turn < turns; turn++) {
      sent.push({ atMs, session: `s${session}`, body: bodyOf(style, agent, [...messages]) });
      messages.push(...(style === 'anthropic' ? claudeTurn(random, turn) : gptTurn(random, turn)));
      atMs += between(random, 5_000, 60_000);
    }
  }
  return sent.sort((a, b) => a.atMs - b.atMs);
}

/** Prompts as long as an agent's that have nothing in common. */
export function unlikePrompts(style: Style, count = 60, seed = 11): Sent[] {
  const random = randomFrom(seed);
  return Array.from({ length: count }, (_, index) => ({ atMs: index * 2_000, session: `u${index}`, body: bodyOf(style, { system: words(random, 1_500), tools: [] }, [{ role: 'user', content: words(random, 200) }]) }));
}

/** Questions that share instructions, and of which no conversation goes on. */
export function singleQuestions(style: Style, count = 60, seed = 13): Sent[] {
  const random = randomFrom(seed);
  const agent: Agent = { system: words(random, 1_500), tools: [] };
  return Array.from({ length: count }, (_, index) => ({ atMs: index * 2_000, session: `q${index}`, body: bodyOf(style, agent, [{ role: 'user', content: words(random, 200) }]) }));
}

function bodyOf(style: Style, { system, tools }: Agent, messages: readonly object[]): object {
  const schema = { type: 'object', properties: { query: { type: 'string' } } };
  if (style === 'anthropic') return { model: MODELS.anthropic, max_tokens: 500, system, ...(tools.length > 0 && { tools: tools.map((tool) => ({ ...tool, input_schema: schema })) }), messages };
  return { model: MODELS.openai, messages: [{ role: 'system', content: system }, ...messages], ...(tools.length > 0 && { tools: tools.map((tool) => ({ type: 'function', function: { ...tool, parameters: schema } })) }) };
}

function claudeTurn(random: Random, turn: number): object[] {
  const id = `toolu_${turn}`;
  return [
    { role: 'assistant', content: [{ type: 'text', text: words(random, 30) }, { type: 'tool_use', id, name: `tool_${turn % 8}`, input: { query: words(random, 5) } }] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: words(random, 150) }] },
  ];
}

function gptTurn(random: Random, turn: number): object[] {
  const id = `call_${turn}`;
  return [
    { role: 'assistant', content: words(random, 30), tool_calls: [{ id, type: 'function', function: { name: `tool_${turn % 8}`, arguments: JSON.stringify({ query: words(random, 5) }) } }] },
    { role: 'tool', tool_call_id: id, content: words(random, 150) },
  ];
}
const words = (random: Random, count: number): string => writeProse(random, count).join('');
