// Traces by OpenTelemetry's SDK, sent by OTLP over HTTP. The SDK reads what else it wants to know (`OTEL_EXPORTER_OTLP_HEADERS`,
// `OTEL_RESOURCE_ATTRIBUTES` and so on) from the environment by itself. Nothing is registered with it globally.
import {
  type Context,
  diag,
  DiagLogLevel,
  isSpanContextValid,
  ROOT_CONTEXT,
  SpanKind,
  trace,
  SpanStatusCode,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { parseTraceParent } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { isCacheError } from '@cistern/errors';
import type { Logger } from '../logger.ts';
import { chooseSampler } from './choose-sampler.ts';
import type { TracingOptions } from './open-tracing.ts';
import type { Span, SpanAttributes, SpanOptions, Tracing } from './tracing.ts';

const kinds: Readonly<Record<SpanOptions['kind'], SpanKind>> = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
};
const quietMs = 60_000;
const lastWordsMs = 3_000;
const maxTextLength = 256;

export function createOtlpTracing(options: TracingOptions & { readonly url: string }): Tracing {
  const { env, node, version, url, log } = options;
  tellTroubles(log);
  const resource = defaultResource()
    .merge(resourceFromAttributes({ 'service.name': 'cistern', 'service.version': version, 'cistern.node': node }))
    .merge(detectResources({ detectors: [envDetector] }));
  const provider = new TracerProvider({
    resource,
    sampler: chooseSampler(env),
    spanLimits: { attributeValueLengthLimit: maxTextLength },
    spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url }) })],
  });
  const tracer = provider.getTracer('cistern', version);
  const contexts = new AsyncLocalStorageContextManager().enable();
  const spans = new WeakMap<Context, Span>();

  function begin(name: string, { kind, attributes = {}, parent }: SpanOptions): Span {
    const around = parent === undefined ? contexts.active() : contextOf(parent);
    const span = tracer.startSpan(name, { kind: kinds[kind], attributes }, around);
    const context = trace.setSpan(around, span);
    const { traceId, spanId, traceFlags } = span.spanContext();
    const begun: Span = {
      traceId,
      traceparent: `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`,
      set: (more: SpanAttributes) => void span.setAttributes(more),
      run: (action) => contexts.with(context, action),
      end(error) {
        spans.delete(context);
        if (error !== undefined) {
          span.setAttribute('error.type', isCacheError(error) ? error.kind : 'internal');
          span.setStatus({ code: SpanStatusCode.ERROR });
        }
        span.end();
      },
    };
    spans.set(context, begun);
    return begun;
  }

  return {
    begin,
    current: () => spans.get(contexts.active()),
    async close() {
      const { promise: patience, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, lastWordsMs);
      await Promise.race([provider.shutdown(), patience]).catch((error: unknown) =>
        log.warn({ err: error }, 'the last traces could not be sent'),
      );
      clearTimeout(timer);
      contexts.disable();
    },
  };
}

/** What is no `traceparent` begins a trace of its own. */
function contextOf(traceparent: string): Context {
  const parent = parseTraceParent(traceparent);
  if (parent === null || !isSpanContextValid(parent)) return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, { ...parent, isRemote: true });
}

function silent() {}

/** The SDK says what troubles it to a logger of the whole process; of a collector that is away it says it with each batch. */
function tellTroubles(log: Logger): void {
  let quietUntilMs = 0;
  const tell = (problem: string) => {
    if (performance.now() < quietUntilMs) return;
    quietUntilMs = performance.now() + quietMs;
    log.warn({ problem }, 'traces cannot be sent as they should');
  };
  diag.setLogger(
    { error: tell, warn: tell, info: silent, debug: silent, verbose: silent },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}
