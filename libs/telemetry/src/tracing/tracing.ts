// Traces: what one request has caused, on whichever nodes. OpenTelemetry's own environment variables say whether they are wanted.
// Where they are not there is no `Tracing`, and nothing of it is called or loaded (decision 0038).
import type { Logger } from '../logger.ts';

export interface TracingOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Which kind of node this is: `frontend`. */
  readonly node: string;
  readonly version: string;
  readonly log: Logger;
}

/** `undefined`: they are not. The caller closes it, last. */
export async function openTracing(options: TracingOptions): Promise<Tracing | undefined> {
  const { env } = options;
  const url = tracesUrl(env);
  const isOff = env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true' || env['OTEL_TRACES_EXPORTER'] === 'none';
  if (url === undefined || isOff) return undefined;
  const { createOtlpTracing } = await import('./create-otlp-tracing.ts');
  return createOtlpTracing({ ...options, url });
}

/** As the specification of the OTLP exporter has it: the path is added to the address for all signals. */
function tracesUrl({
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: traces,
  OTEL_EXPORTER_OTLP_ENDPOINT: all,
}: TracingOptions['env']): string | undefined {
  if (traces) return traces;
  return all ? `${all.replace(/\/$/, '')}/v1/traces` : undefined;
}

/** Bounded in size, and never a secret: no header, no query, no credential. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean | undefined>>;

export interface SpanOptions {
  readonly kind: 'server' | 'client' | 'producer' | 'consumer' | 'internal';
  readonly attributes?: SpanAttributes;
  /** A `traceparent` (W3C Trace Context) of another process; absent: the span around this one, or none. */
  readonly parent?: string | undefined;
}

export interface Span {
  /** For a process that goes on with this, as a `traceparent`. */
  readonly traceparent: string;
  readonly traceId: string;
  set(attributes: SpanAttributes): void;
  /** What is begun inside, and what that awaits, is within this span. */
  run<T>(action: () => T): T;
  /** Once. With the kind of an error, which ended it. */
  end(error?: unknown): void;
}

export interface Tracing {
  /** The caller ends it. */
  begin(name: string, options: SpanOptions): Span;
  /** Around what runs now, and not ended yet. */
  current(): Span | undefined;
  /** Sends what is left, for some seconds at most. */
  close(): Promise<void>;
}

/** Settles as `action` does, which ends the span. */
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
    span.end(error ?? new Error('rejected with nothing'));
    throw error;
  }
}
