// Sends traces with OpenTelemetry's SDK, by OTLP over HTTP. The SDK itself reads its other settings from the environment, such as
// `OTEL_EXPORTER_OTLP_HEADERS` and `OTEL_RESOURCE_ATTRIBUTES`. It registers no tracer and no context manager globally.
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
import {
  BatchSpanProcessor,
  TracerProvider,
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace';
import { isCacheError } from '@cistern/errors';
import type { Logger } from '../logger.ts';
import type { TracingOptions, Span, SpanAttributes, SpanOptions, Tracing } from './tracing.ts';

const kinds: Readonly<Record<SpanOptions['kind'], SpanKind>> = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
};
const quietMs = 60_000;
const closeTimeoutMs = 3_000;
const maxTextLength = 256;

export function createOtlpTracing(options: TracingOptions & { readonly url: string }): Tracing {
  const { env, node, version, url, log } = options;
  logProblems(log);
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
    const parentContext = parent === undefined ? contexts.active() : contextOf(parent);
    const span = tracer.startSpan(name, { kind: kinds[kind], attributes }, parentContext);
    const context = trace.setSpan(parentContext, span);
    const { traceId, spanId, traceFlags } = span.spanContext();
    const started: Span = {
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
    spans.set(context, started);
    return started;
  }

  return {
    begin,
    current: () => spans.get(contexts.active()),
    async close() {
      const { promise: timedOut, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, closeTimeoutMs);
      await Promise.race([provider.shutdown(), timedOut]).catch((error: unknown) =>
        log.warn({ err: error }, 'failed to send last traces at shutdown'),
      );
      clearTimeout(timer);
      contexts.disable();
    },
  };
}

/** Returns the context of a `traceparent`. For an invalid one it returns the root context, in which a span starts a new trace. */
function contextOf(traceparent: string): Context {
  const parent = parseTraceParent(traceparent);
  if (parent === null || !isSpanContextValid(parent)) return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, { ...parent, isRemote: true });
}

function silent() {}

/**
 * Logs the problems that the SDK reports to its process-wide logger. It logs at most one a minute, because the SDK reports an
 * unavailable collector with each batch.
 */
function logProblems(log: Logger): void {
  let quietUntilMs = 0;
  const report = (problem: string) => {
    if (performance.now() < quietUntilMs) return;
    quietUntilMs = performance.now() + quietMs;
    log.warn({ problem }, 'failed to send traces');
  };
  diag.setLogger(
    { error: report, warn: report, info: silent, debug: silent, verbose: silent },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}

/**
 * Chooses the sampler by `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`, as the specification defines them. For an unknown
 * sampler it uses the specification's default. The default keeps all traces, except those that another node has started and does
 * not keep.
 */
function chooseSampler({
  OTEL_TRACES_SAMPLER: name = 'parentbased_always_on',
  OTEL_TRACES_SAMPLER_ARG: argument,
}: Readonly<Record<string, string | undefined>>): Sampler {
  const [, parentBased, kind] = /^(parentbased_)?(always_on|always_off|traceidratio)$/.exec(name) ?? ['', 'yes', ''];
  const root = rootSampler(kind, argument);
  return parentBased === undefined ? root : new ParentBasedSampler({ root });
}

function rootSampler(kind: string | undefined, argument: string | undefined): Sampler {
  if (kind === 'always_off') return new AlwaysOffSampler();
  const ratio = argument === undefined || argument.trim() === '' ? NaN : Number(argument);
  return kind === 'traceidratio' && ratio >= 0 && ratio <= 1
    ? new TraceIdRatioBasedSampler(ratio)
    : new AlwaysOnSampler();
}
