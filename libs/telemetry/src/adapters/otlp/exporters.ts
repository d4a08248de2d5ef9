/*
 * The one file that loads OpenTelemetry's packages. It is imported only when there is somewhere to send to.
 * OTLP over HTTP as JSON (https://opentelemetry.io/docs/specs/otlp/#otlphttp); collectors take it where they take protobuf.
 */
import { hostname } from 'node:os';
import { SpanKind, SpanStatusCode, ValueType, createTraceState } from '@opentelemetry/api';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import { AggregationTemporality, type DataPoint, DataPointType, type Histogram, type HistogramMetricData, type ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { type ReadableSpan } from '@opentelemetry/sdk-trace';
import { newId } from '@apex/common';
import { type Distribution, countOf } from '../../core/distribution.js';
import { type GenAiLedger, type GenAiSeries } from '../../core/genai-ledger.js';
import { FIRST_TOKEN_BOUNDS, OPERATION_BOUNDS, PER_TOKEN_BOUNDS, type ServerAddress, TOKEN_BOUNDS, providerName } from '../../core/genai.js';
import { type PlannedSpan } from '../../core/span-plan.js';
import { type OtlpConfig, type OtlpTarget } from '../../telemetry.config.js';

export interface OtlpExporters {
  /** Null where no traces are wanted. Rejects when they were not taken. */
  readonly sendSpans: ((spans: readonly PlannedSpan[]) => Promise<void>) | null;
  readonly sendMetrics: ((ledger: GenAiLedger) => Promise<void>) | null;
}

type Attributes = Record<string, string | number>;
type ServerOf = (provider: string) => ServerAddress | null;
type ExporterConfig = NonNullable<ConstructorParameters<typeof OTLPTraceExporter>[0]>;

const SCOPE = { name: 'netra-apex' };

export function createOtlpExporters({ traces, metrics, resource: configured }: OtlpConfig, serverOf: ServerOf): OtlpExporters {
  const resource = defaultResource().merge(resourceFromAttributes({ 'service.instance.id': newId(), 'host.name': hostname(), 'process.pid': process.pid, ...configured }));
  const startTime = hrTime(Date.now());
  const spanExporter = traces === null ? null : new OTLPTraceExporter(exporterConfig(traces));
  const metricExporter = metrics === null ? null : new OTLPMetricExporter(exporterConfig(metrics));
  return {
    sendSpans: spanExporter === null ? null : (spans) => exported((done) => spanExporter.export(spans.map((span) => readableSpan(span, resource)), done)),
    sendMetrics:
      metricExporter === null
        ? null
        : (ledger) => {
            const scopeMetrics = [{ scope: SCOPE, metrics: histograms(ledger, startTime, hrTime(Date.now()), serverOf) }];
            return exported((done) => metricExporter.export({ resource, scopeMetrics }, done));
          },
  };
}

/** The exporter reads from the environment what is not given here: certificates, above all. */
const exporterConfig = ({ url, headers, timeoutMs, gzip }: OtlpTarget): ExporterConfig => ({
  url,
  headers: { ...headers },
  timeoutMillis: timeoutMs,
  compression: (gzip ? 'gzip' : 'none') as NonNullable<ExporterConfig['compression']>,
});

/** `ExportResult` of @opentelemetry/core: 0 is success. */
function exported(run: (done: (result: { readonly code: number; readonly error?: Error }) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    run(({ code, error }) => (code === 0 ? resolve() : reject(error ?? new Error('the export failed'))));
  });
}

const hrTime = (ms: number): [number, number] => [Math.floor(ms / 1_000), (ms % 1_000) * 1e6];

function readableSpan(span: PlannedSpan, resource: ReadableSpan['resource']): ReadableSpan {
  const traceState = span.state === null ? {} : { traceState: createTraceState(span.state) };
  const context = { traceId: span.traceId, spanId: span.spanId, traceFlags: span.flags, ...traceState };
  return {
    name: span.name,
    kind: span.kind === 'server' ? SpanKind.SERVER : SpanKind.CLIENT,
    spanContext: () => context,
    ...(span.parentSpanId === null ? {} : { parentSpanContext: { traceId: span.traceId, spanId: span.parentSpanId, traceFlags: span.flags, isRemote: span.parentIsRemote } }),
    startTime: hrTime(span.startMs),
    endTime: hrTime(span.endMs),
    duration: hrTime(span.endMs - span.startMs),
    status: span.error === null ? { code: SpanStatusCode.UNSET } : { code: SpanStatusCode.ERROR, message: span.error },
    attributes: span.attributes,
    links: [],
    events: [],
    ended: true,
    resource,
    instrumentationScope: SCOPE,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

type Point = DataPoint<Histogram>;
type Metrics = ResourceMetrics['scopeMetrics'][number]['metrics'];

/** All of them are cumulative: what one sending misses is in the next. */
function histograms({ series }: GenAiLedger, startTime: [number, number], endTime: [number, number], serverOf: ServerOf): Metrics {
  const point = (attributes: Attributes, distribution: Distribution, bounds: readonly number[], divisor: number): Point => {
    const buckets = { boundaries: bounds.map((bound) => bound / divisor), counts: Array.from(distribution.counts) };
    return { startTime, endTime, attributes, value: { buckets, sum: distribution.sum / divisor, count: countOf(distribution) } };
  };
  const ofEach = (points: (one: GenAiSeries, attributes: Attributes) => Point[]): Point[] => series.flatMap((one) => points(one, attributesOf(one, serverOf)));
  const byError = (distributions: GenAiSeries['calls'], attributes: Attributes): Point[] =>
    [...distributions].map(([error, distribution]) => point(error === null ? attributes : { ...attributes, 'error.type': error }, distribution, OPERATION_BOUNDS, 1_000));
  return [
    metric('gen_ai.client.operation.duration', 's', 'GenAI operation duration.', ofEach(({ calls }, attributes) => byError(calls, attributes))),
    metric(
      'gen_ai.client.token.usage',
      '{token}',
      'Number of input and output tokens used.',
      ofEach(({ inputTokens, outputTokens }, attributes) => [
        point({ ...attributes, 'gen_ai.token.type': 'input' }, inputTokens, TOKEN_BOUNDS, 1),
        point({ ...attributes, 'gen_ai.token.type': 'output' }, outputTokens, TOKEN_BOUNDS, 1),
      ]),
    ),
    metric('gen_ai.server.request.duration', 's', 'Generative AI server request duration such as time-to-last byte or last output token.', ofEach(({ requests }, attributes) => byError(requests, attributes))),
    metric('gen_ai.server.time_to_first_token', 's', 'Time to generate first token for successful responses.', ofEach(({ firstToken }, attributes) => [point(attributes, firstToken, FIRST_TOKEN_BOUNDS, 1_000)])),
    metric('gen_ai.server.time_per_output_token', 's', 'Time per output token generated after the first token for successful responses.', ofEach(({ perToken }, attributes) => [point(attributes, perToken, PER_TOKEN_BOUNDS, 1_000)])),
  ].filter(({ dataPoints }) => dataPoints.length > 0);
}

function metric(name: string, unit: string, description: string, points: Point[]): HistogramMetricData {
  return {
    descriptor: { name, unit, description, valueType: unit === 's' ? ValueType.DOUBLE : ValueType.INT },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.HISTOGRAM,
    dataPoints: points.filter(({ value }) => value.count > 0),
  };
}

function attributesOf({ operation, provider, model }: GenAiSeries, serverOf: ServerOf): Attributes {
  const attributes: Attributes = { 'gen_ai.operation.name': operation, 'gen_ai.provider.name': providerName(provider) };
  if (model !== null) {
    attributes['gen_ai.request.model'] = model;
    attributes['gen_ai.response.model'] = model;
  }
  const server = serverOf(provider);
  if (server !== null) {
    attributes['server.address'] = server.address;
    attributes['server.port'] = server.port;
  }
  return attributes;
}
