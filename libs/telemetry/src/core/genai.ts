import { type Surface } from '@apex/usage';

/*
 * OpenTelemetry's semantic conventions for generative AI, as far as they are told here
 * (https://github.com/open-telemetry/semantic-conventions-genai, status: development). They have left
 * `@opentelemetry/semantic-conventions`, where their names are deprecated, so they stand here.
 */

export type Operation = 'chat' | 'embeddings';

/** `gen_ai.operation.name` */
export const operationOf = (surface: Surface): Operation => (surface === 'embeddings' ? 'embeddings' : 'chat');

/** Providers that the conventions know by another name than their usual one. */
const WELL_KNOWN: Readonly<Record<string, string>> = {
  gemini: 'gcp.gemini',
  vertex: 'gcp.vertex_ai',
  bedrock: 'aws.bedrock',
  azure: 'azure.ai.openai',
  mistral: 'mistral_ai',
  moonshot: 'moonshot_ai',
  xai: 'x_ai',
};

/** `gen_ai.provider.name`: the conventions' name where they have one, else the configured one. */
export const providerName = (provider: string): string => (Object.hasOwn(WELL_KNOWN, provider) ? WELL_KNOWN[provider]! : provider);

/** `server.address` and `server.port` of a provider. */
export interface ServerAddress {
  readonly address: string;
  readonly port: number;
}

/** @param origin scheme, host and port of an address; null when it is none */
export function serverAddress(origin: string): ServerAddress | null {
  const url = URL.parse(origin);
  if (url === null) return null;
  return { address: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port) };
}

/** A request whose answer was whole, and only its count of tokens was not told. */
const NO_ERROR = 'usage_missing';

/** `error.type` of a call that did not end well; null for one that did. */
export function errorType({ status, error_code, http_status }: { readonly status: string; readonly error_code: string | null; readonly http_status: number | null }): string | null {
  if (status === 'final' || error_code === NO_ERROR) return null;
  // Answered well, after an attempt whose bill nobody knows.
  if (error_code === null && http_status !== null && http_status < 400) return null;
  return error_code ?? (http_status === null ? '_OTHER' : String(http_status));
}

/** Bounds as the conventions advise; durations in milliseconds here, seconds there. */
export const OPERATION_BOUNDS = [10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 5_120, 10_240, 20_480, 40_960, 81_920] as const;
export const TOKEN_BOUNDS = [1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864] as const;
export const FIRST_TOKEN_BOUNDS = [1, 5, 10, 20, 40, 60, 80, 100, 250, 500, 750, 1_000, 2_500, 5_000, 7_500, 10_000] as const;
export const PER_TOKEN_BOUNDS = [10, 25, 50, 75, 100, 150, 200, 300, 400, 500, 750, 1_000, 2_500] as const;
