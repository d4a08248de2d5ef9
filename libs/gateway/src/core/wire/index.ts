import { type Protocol, type UpstreamProvider, codecs, createOpenAiChatCodec } from '@apex/llm';
import { type SurfaceSpec } from '../surfaces/surface.js';
import { chatPassthrough, embeddingsPassthrough, messagesPassthrough, responsesPassthrough } from './passthrough.js';
import { Translated } from './translated.js';
import { type Wire } from './wire.js';

const passing: Readonly<Partial<Record<Protocol, Wire>>> = {
  'openai-chat': chatPassthrough,
  'openai-responses': responsesPassthrough,
  'anthropic-messages': messagesPassthrough,
};

const translated = new Map<string, Wire>();

/** How this surface is spoken to this provider; null where it cannot be. Untouched where both speak the same protocol. */
export function wireFor({ protocol }: SurfaceSpec, provider: UpstreamProvider): Wire | null {
  const { kind } = provider;
  if (protocol === null) return kind.embeddings ? embeddingsPassthrough : null;
  if (kind.protocols.includes(protocol)) return passing[protocol] ?? null;
  const target = kind.protocols[0];
  const name = `${protocol} ${provider.name}`;
  const known = translated.get(name);
  if (known !== undefined) return known;
  const wire = new Translated(codecs[protocol], target === 'openai-chat' ? createOpenAiChatCodec(provider.chatDialect) : codecs[target]);
  translated.set(name, wire);
  return wire;
}
