import { once } from 'node:events';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { createGunzip } from 'node:zlib';

type Value = { readonly stringValue?: string; readonly intValue?: number | string; readonly doubleValue?: number; readonly boolValue?: boolean };
type KeyValues = readonly { readonly key: string; readonly value: Value }[];

/** A span as it arrived; times in Unix nanoseconds. */
export interface CollectedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | null;
  readonly traceState: string | null;
  /** 2: server, 3: client */
  readonly kind: number;
  readonly start: bigint;
  readonly end: bigint;
  readonly flags: number;
  /** 0: unset, 2: error */
  readonly status: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
}

export interface CollectedPoint {
  readonly metric: string;
  readonly unit: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly count: number;
  readonly sum: number;
  readonly bounds: readonly number[];
}

/** A collector's OTLP/HTTP endpoint that reads JSON, and can be unwell. */
export class Collector {
  readonly spans: CollectedSpan[] = [];
  readonly points: CollectedPoint[] = [];
  readonly headers: IncomingMessage['headers'][] = [];
  /** Everything that was received, as text. */
  raw = '';
  mode: 'takes' | 'hangs' | 'refuses' = 'takes';

  private constructor(private readonly server: Server) {}

  static async start(): Promise<Collector> {
    const server = createServer();
    const collector = new Collector(server);
    server.on('request', (request: IncomingMessage, response: ServerResponse) => void collector.take(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return collector;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request.headers['content-encoding'] === 'gzip' ? request.pipe(createGunzip()) : request);
    if (this.mode === 'hangs') return;
    if (this.mode === 'refuses') return void response.writeHead(400).end();
    this.headers.push(request.headers);
    this.raw += body;
    const sent = JSON.parse(body) as OtlpRequest;
    for (const { resource, scopeSpans } of sent.resourceSpans ?? []) for (const { spans } of scopeSpans) for (const span of spans) this.spans.push(readSpan(span, resource));
    for (const { scopeMetrics } of sent.resourceMetrics ?? []) {
      for (const { metrics } of scopeMetrics) for (const metric of metrics) for (const point of metric.histogram?.dataPoints ?? []) this.points.push(readPoint(metric, point));
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  }
}

interface OtlpSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly flags: number;
  readonly status: { readonly code: number };
  readonly attributes: KeyValues;
}

interface OtlpPoint {
  readonly attributes: KeyValues;
  readonly count: number | string;
  readonly sum: number;
  readonly explicitBounds: readonly number[];
}

interface OtlpMetric {
  readonly name: string;
  readonly unit: string;
  readonly histogram?: { readonly dataPoints: readonly OtlpPoint[] };
}

interface OtlpRequest {
  readonly resourceSpans?: readonly { readonly resource: { readonly attributes: KeyValues }; readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[] }[];
  readonly resourceMetrics?: readonly { readonly scopeMetrics: readonly { readonly metrics: readonly OtlpMetric[] }[] }[];
}

const plain = (pairs: KeyValues): Record<string, unknown> =>
  Object.fromEntries(pairs.map(({ key, value }) => [key, value.stringValue ?? value.boolValue ?? value.doubleValue ?? (value.intValue === undefined ? null : Number(value.intValue))]));

const readSpan = (span: OtlpSpan, resource: { readonly attributes: KeyValues }): CollectedSpan => ({
  name: span.name,
  traceId: span.traceId,
  spanId: span.spanId,
  parentSpanId: span.parentSpanId ?? null,
  traceState: span.traceState ?? null,
  kind: span.kind,
  start: BigInt(span.startTimeUnixNano),
  end: BigInt(span.endTimeUnixNano),
  flags: span.flags,
  status: span.status.code,
  attributes: plain(span.attributes),
  resource: plain(resource.attributes),
});

const readPoint = ({ name, unit }: OtlpMetric, point: OtlpPoint): CollectedPoint => ({ metric: name, unit, attributes: plain(point.attributes), count: Number(point.count), sum: point.sum, bounds: point.explicitBounds });
