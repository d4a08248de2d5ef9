import { type LedgerEntry, type RunningSimulator } from '@apex/simulator';
import { type ClientSpec } from './client.js';

type WireProtocol = LedgerEntry['protocol'];

/** A kind of provider, as Apex has it configured here. */
export interface ProviderSpec {
  /** The column's name in the table, and the provider's with Apex. */
  readonly name: 'openai' | 'compatible' | 'anthropic' | 'gemini';
  readonly model: string;
  /** What it speaks itself; the first is what is translated into. */
  readonly protocols: readonly [WireProtocol, ...WireProtocol[]];
}

/** The columns of the table. */
export const providers: readonly ProviderSpec[] = [
  { name: 'openai', model: 'gpt-4o-mini', protocols: ['openai-chat', 'openai-responses'] },
  { name: 'compatible', model: 'gpt-4o-mini', protocols: ['openai-chat'] },
  { name: 'anthropic', model: 'claude-haiku-4-5', protocols: ['anthropic-messages'] },
  { name: 'gemini', model: 'gemini-2.5-flash', protocols: ['gemini'] },
];

const SPOKEN: Readonly<Record<ClientSpec['surface'], WireProtocol>> = { '/v1/chat/completions': 'openai-chat', '/v1/responses': 'openai-responses', '/v1/messages': 'anthropic-messages' };

/** In which protocol a client's requests have to reach a provider: in its own where that is spoken there. */
export function protocolBetween({ surface }: ClientSpec, { protocols }: ProviderSpec): WireProtocol {
  const own = SPOKEN[surface];
  return protocols.includes(own) ? own : protocols[0];
}

/** What stands before the name of a provider that answers at the pace of a real one. */
const SLOW = 'slow-';

export const modelAt = ({ name, model }: ProviderSpec, slow = false): string => `${slow ? SLOW : ''}${name}/${model}`;

/** Apex' environment: each kind of provider at a simulator that answers at once, and again at one that takes its time. */
export function environmentFor(fast: RunningSimulator, slow: RunningSimulator): Record<string, string> {
  const kinds = ['openai', 'openai-compatible', 'anthropic', 'gemini'];
  const slowOnes = providers.map(({ name }, index) => ({ name: SLOW + name, kind: kinds[index], baseUrl: index < 2 ? slow.url : slow.origin, apiKeyEnv: 'SIMULATED_API_KEY', models: [] }));
  return {
    APEX_PROVIDERS: JSON.stringify([{ name: 'compatible', baseUrl: fast.url, apiKeyEnv: 'SIMULATED_API_KEY', priceAs: 'openai' }, ...slowOnes]),
    SIMULATED_API_KEY: 'sk-sim',
    ANTHROPIC_BASE_URL: fast.anthropicUrl,
    ANTHROPIC_API_KEY: 'sk-sim',
    GEMINI_BASE_URL: fast.geminiUrl,
    GEMINI_API_KEY: 'sk-sim',
    // What an SDK is told of one failure is what counts here; what Apex does about failures is tested elsewhere.
    APEX_MAX_ATTEMPTS: '1',
  };
}
