// Tracing records the work of one request on all nodes. OpenTelemetry's own environment variables switch it on. When it is off,
// there is no `Tracing`, and OpenTelemetry's SDK is not loaded (decision 0038).
import type { Logger } from '../logger.ts';

export interface TracingOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The kind of this node, such as `frontend`. */
  readonly node: string;
  readonly version: string;
  readonly log: Logger;
}

/** Resolves to `undefined` if tracing is off. The caller closes the result after all other parts. */
export async function openTracing(options: TracingOptions): Promise<Tracing | undefined> {
  const { env } = options;
  const url = tracesUrl(env);
  const isOff = env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true' || env['OTEL_TRACES_EXPORTER'] === 'none';
  if (url === undefined || isOff) return undefined;
  const { createOtlpTracing } = await import('./create-otlp-tracing.ts');
  return createOtlpTracing({ ...options, url });
}

/**
 * Returns the URL for traces. As the specification of the OTLP exporter requires, a path is appended to the endpoint for all
 * signals, but not to the endpoint for traces.
 */
function tracesUrl({
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: traces,
  OTEL_EXPORTER_OTLP_ENDPOINT: all,
}: TracingOptions['env']): string | undefined {
  if (traces) return traces;
  return all ? `${all.replace(/\/$/, '')}/v1/traces` : undefined;
}

/** The attributes of a span. They must contain no secrets: no header, no query, no credential. Long texts are cut. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean | undefined>>;

export interface SpanOptions {
  readonly kind: 'server' | 'client' | 'producer' | 'consumer' | 'internal';
  readonly attributes?: SpanAttributes;
  /** The `traceparent` (W3C Trace Context) of the process that started the trace. Default: the current span, if there is one. */
  readonly parent?: string | undefined;
}

export interface Span {
  /** The `traceparent` for a process that continues this trace. */
  readonly traceparent: string;
  readonly traceId: string;
  set(attributes: SpanAttributes): void;
  /** Runs `action` with this span as the current span. Asynchronous calls of `action` have the same current span. */
  run<T>(action: () => T): T;
  /** Ends the span. Must be called exactly one time. If `error` is given, it records the kind of the error. */
  end(error?: unknown): void;
}

export interface Tracing {
  /** Starts a span. The caller ends it. */
  begin(name: string, options: SpanOptions): Span;
  /** Returns the current span, if it has not ended. */
  current(): Span | undefined;
  /** Sends the remaining spans. Resolves after three seconds at the latest. */
  close(): Promise<void>;
}

/** Runs `action` in a new span, and ends the span when `action` settles. Resolves and rejects as `action` does. */
export async function inSpan<T>(
  tracing: Tracing,
  name: string,
  options: SpanOptions,
  action: (span: Span) => Promise<T>,
): Promise<T> {
  const span = tracing.begin(name, options);
  try {
    const result = await span.run(() => action(span));
    span.end();
    return result;
  } catch (error) {
    span.end(error ?? new Error('rejected without an error'));
    throw error;
  }
}
