import { type Codec, type Protocol, type UpstreamProvider, codecs, createOpenAiChatCodec } from '@apex/llm';
import { type SurfaceSpec } from '../surfaces/surface.js';
import { chatPassthrough, embeddingsPassthrough, messagesPassthrough, responsesPassthrough } from './passthrough.js';
import { Translated } from './translated.js';
import { type Wire } from './wire.js';

const passing: Readonly<Partial<Record<Protocol, Wire>>> = {
  'openai-chat': chatPassthrough,
  'openai-responses': responsesPassthrough,
  'anthropic-messages': messagesPassthrough,
};

const translated = new WeakMap<UpstreamProvider, Map<Protocol, Wire>>();

/** How this surface is spoken to this provider; null where it cannot be. Untouched where both speak the same protocol. */
export function wireFor({ protocol }: SurfaceSpec, provider: UpstreamProvider): Wire | null {
  const { kind } = provider;
  if (protocol === null) return kind.embeddings ? embeddingsPassthrough : null;
  if (kind.protocols.includes(protocol)) return passing[protocol] ?? null;
  let wires = translated.get(provider);
  if (wires === undefined) translated.set(provider, (wires = new Map()));
  let wire = wires.get(protocol);
  if (wire === undefined) wires.set(protocol, (wire = new Translated(codecs[protocol], codecFor(provider))));
  return wire;
}

function codecFor({ kind, chatDialect }: UpstreamProvider): Codec {
  const [protocol] = kind.protocols;
  return protocol === 'openai-chat' ? createOpenAiChatCodec(chatDialect) : codecs[protocol];
}
