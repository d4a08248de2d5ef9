import { z } from 'zod';
import { type SamplerConfig } from './core/begin-trace.js';

/** Where one signal goes. */
export interface OtlpTarget {
  readonly url: string;
  /** May hold secrets: never logged. */
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly gzip: boolean;
}

export interface OtlpConfig {
  /** null: no spans are kept. */
  readonly traces: OtlpTarget | null;
  readonly metrics: OtlpTarget | null;
  readonly sampler: SamplerConfig;
  readonly resource: Readonly<Record<string, string>>;
  /** Spans that wait at the most; more are dropped and counted. */
  readonly maxQueuedSpans: number;
  readonly batchSpans: number;
  readonly spanDelayMs: number;
  readonly metricIntervalMs: number;
}

export interface TelemetryConfig {
  /** null: nothing is sent anywhere, and none of OpenTelemetry's packages is loaded. */
  readonly otlp: OtlpConfig | null;
  /** What of the environment could not be used, for the log. Values are not in it. */
  readonly warnings: readonly string[];
}

const text = z.string().optional();

/**
 * OpenTelemetry's own variables, under their own names and with their own defaults
 * (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/). As that specification wants it,
 * a value that cannot be used is warned of and ignored: it never keeps the gateway from starting.
 */
export const telemetryEnvSchema = z.object({
  OTEL_SDK_DISABLED: text,
  OTEL_SERVICE_NAME: text,
  OTEL_RESOURCE_ATTRIBUTES: text,
  OTEL_TRACES_EXPORTER: text,
  OTEL_METRICS_EXPORTER: text,
  OTEL_TRACES_SAMPLER: text,
  OTEL_TRACES_SAMPLER_ARG: text,
  OTEL_EXPORTER_OTLP_ENDPOINT: text,
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: text,
  OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: text,
  OTEL_EXPORTER_OTLP_HEADERS: text,
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: text,
  OTEL_EXPORTER_OTLP_METRICS_HEADERS: text,
  OTEL_EXPORTER_OTLP_PROTOCOL: text,
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: text,
  OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: text,
  OTEL_EXPORTER_OTLP_TIMEOUT: text,
  OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: text,
  OTEL_EXPORTER_OTLP_METRICS_TIMEOUT: text,
  OTEL_EXPORTER_OTLP_COMPRESSION: text,
  OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: text,
  OTEL_EXPORTER_OTLP_METRICS_COMPRESSION: text,
  OTEL_BSP_MAX_QUEUE_SIZE: text,
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: text,
  OTEL_BSP_SCHEDULE_DELAY: text,
  OTEL_METRIC_EXPORT_INTERVAL: text,
});

export type TelemetryEnv = z.infer<typeof telemetryEnvSchema>;
type Variable = keyof TelemetryEnv;
type Signal = 'TRACES' | 'METRICS';

/** The specification's 512 would hold the event loop for several milliseconds at a time: that is what turning them into JSON takes. */
const BATCH_SPANS = 128;
const DEFAULT_SERVICE_NAME = 'netra-apex';

/** What the environment asks for. Never throws. */
export function telemetryConfig(env: TelemetryEnv): TelemetryConfig {
  const warnings: string[] = [];
  if (env.OTEL_SDK_DISABLED?.trim().toLowerCase() === 'true') return { otlp: null, warnings };
  const reader = new EnvReader(env, warnings);
  const traces = reader.target('TRACES', 'v1/traces');
  const metrics = reader.target('METRICS', 'v1/metrics');
  if (traces === null && metrics === null) return { otlp: null, warnings };
  const maxQueuedSpans = reader.positive('OTEL_BSP_MAX_QUEUE_SIZE', 2_048);
  return {
    otlp: {
      traces,
      metrics,
      sampler: reader.sampler(),
      resource: { 'service.name': DEFAULT_SERVICE_NAME, ...reader.pairs('OTEL_RESOURCE_ATTRIBUTES'), ...(env.OTEL_SERVICE_NAME === undefined ? {} : { 'service.name': env.OTEL_SERVICE_NAME }) },
      maxQueuedSpans,
      batchSpans: Math.min(maxQueuedSpans, reader.positive('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', BATCH_SPANS)),
      spanDelayMs: reader.positive('OTEL_BSP_SCHEDULE_DELAY', 5_000),
      metricIntervalMs: reader.positive('OTEL_METRIC_EXPORT_INTERVAL', 60_000),
    },
    warnings,
  };
}

class EnvReader {
  constructor(
    private readonly env: TelemetryEnv,
    private readonly warnings: string[],
  ) {}

  target(signal: Signal, path: string): OtlpTarget | null {
    const { env } = this;
    const exporter = (env[`OTEL_${signal}_EXPORTER`] ?? 'otlp').trim();
    if (exporter === 'none') return null;
    if (exporter !== 'otlp') this.warn(`OTEL_${signal}_EXPORTER`, "'otlp' or 'none'; 'otlp' is taken");
    const url = this.endpoint(signal, path);
    if (url === null) return null;
    const protocol = this.named(signal, 'PROTOCOL');
    if (protocol !== null && protocol.value !== 'http/json' && protocol.value !== 'http/protobuf') this.warn(protocol.name, "'http/json', which is what is spoken here");
    const compression = this.named(signal, 'COMPRESSION');
    if (compression !== null && compression.value !== 'gzip' && compression.value !== 'none') this.warn(compression.name, "'gzip' or 'none'");
    const timeout = this.named(signal, 'TIMEOUT');
    return {
      url,
      headers: { ...this.pairs('OTEL_EXPORTER_OTLP_HEADERS'), ...this.pairs(`OTEL_EXPORTER_OTLP_${signal}_HEADERS`) },
      timeoutMs: timeout === null ? 10_000 : this.positive(timeout.name, 10_000),
      gzip: compression?.value === 'gzip',
    };
  }

  sampler(): SamplerConfig {
    const name = this.env.OTEL_TRACES_SAMPLER?.trim() ?? 'parentbased_always_on';
    const parentBased = name.startsWith('parentbased_');
    switch (parentBased ? name.slice('parentbased_'.length) : name) {
      case 'always_on':
        return { parentBased, ratio: 1 };
      case 'always_off':
        return { parentBased, ratio: 0 };
      case 'traceidratio':
        return { parentBased, ratio: this.ratio() };
      default:
        this.warn('OTEL_TRACES_SAMPLER', 'always_on, always_off or traceidratio, with or without parentbased_; parentbased_always_on is taken');
        return { parentBased: true, ratio: 1 };
    }
  }

  /** `a=1,b=2`, percent-encoded. */
  pairs(name: Variable): Record<string, string> {
    const pairs: Record<string, string> = {};
    for (const member of (this.env[name] ?? '').split(',')) {
      if (member.trim() === '') continue;
      const equals = member.indexOf('=');
      const key = member.slice(0, Math.max(0, equals)).trim();
      if (key === '') this.warn(name, 'name=value, separated by commas');
      else pairs[key] = decoded(member.slice(equals + 1).trim());
    }
    return pairs;
  }

  positive(name: Variable, otherwise: number): number {
    const value = this.env[name];
    if (value === undefined) return otherwise;
    const number = Number(value);
    if (Number.isSafeInteger(number) && number > 0 && number <= 2 ** 31 - 1) return number;
    this.warn(name, `a whole number above 0; ${otherwise} is taken`);
    return otherwise;
  }

  private ratio(): number {
    const ratio = Number(this.env.OTEL_TRACES_SAMPLER_ARG ?? '1');
    if (ratio >= 0 && ratio <= 1) return ratio;
    this.warn('OTEL_TRACES_SAMPLER_ARG', 'a number from 0 to 1; 1 is taken');
    return 1;
  }

  /** A signal's own address stands as it is; to the common one the signal's path is added. */
  private endpoint(signal: Signal, path: string): string | null {
    const own: Variable = `OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`;
    const name: Variable = this.env[own] === undefined ? 'OTEL_EXPORTER_OTLP_ENDPOINT' : own;
    const given = this.env[name];
    if (given === undefined) return null;
    const url = URL.parse(given.trim());
    if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
      this.warn(name, 'an absolute URL with http or https; nothing is sent');
      return null;
    }
    if (name !== own) url.pathname = `${url.pathname.replace(/\/+$/, '')}/${path}`;
    return url.href;
  }

  private named(signal: Signal, what: 'PROTOCOL' | 'COMPRESSION' | 'TIMEOUT'): { readonly name: Variable; readonly value: string } | null {
    const own: Variable = `OTEL_EXPORTER_OTLP_${signal}_${what}`;
    const name: Variable = this.env[own] === undefined ? `OTEL_EXPORTER_OTLP_${what}` : own;
    const value = this.env[name]?.trim();
    return value === undefined ? null : { name, value };
  }

  private warn(name: Variable, expected: string): void {
    const warning = `${name}: expected ${expected}`;
    if (!this.warnings.includes(warning)) this.warnings.push(warning);
  }
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
