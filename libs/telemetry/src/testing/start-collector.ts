// A collector of traces for tests: it accepts OTLP over HTTP in JSON, as OpenTelemetry's exporter sends it, and keeps all spans.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json, text } from 'node:stream/consumers';

export interface CollectedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty if the span is the first span of a trace. */
  readonly parentSpanId: string;
  /** The kind of the node. */
  readonly node: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

export interface Collector {
  /** The value for `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly url: string;
  spans(): readonly CollectedSpan[];
  close(): Promise<void>;
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface Batch {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly {
      readonly spans: readonly (Omit<CollectedSpan, 'attributes' | 'parentSpanId'> & {
        readonly attributes: readonly Attribute[];
        readonly parentSpanId?: string;
      })[];
    }[];
  }[];
}

/** The caller closes the collector. */
export async function startCollector(): Promise<Collector> {
  const spans: CollectedSpan[] = [];
  const server = createServer((request, response) => {
    const isOurs = request.method === 'POST' && request.url === '/v1/traces';
    const read = isOurs ? json(request).then((batch) => void spans.push(...spansOf(batch as Batch))) : text(request);
    read.then(
      () => response.writeHead(isOurs ? 200 : 404, { 'content-type': 'application/json' }).end('{}'),
      () => response.destroy(),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans: () => spans,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function spansOf({ resourceSpans }: Batch): CollectedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const node = String(valuesOf(resource.attributes)['cistern.node']);
    return scopeSpans
      .flatMap((scope) => scope.spans)
      .map(({ name, traceId, spanId, parentSpanId = '', attributes }) => {
        return { name, traceId, spanId, parentSpanId, node, attributes: valuesOf(attributes) };
      });
  });
}

function valuesOf(attributes: readonly Attribute[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
