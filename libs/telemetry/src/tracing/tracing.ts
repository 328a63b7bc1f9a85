// Traces: what one request has caused, on whichever nodes. Where nobody wants them there is no `Tracing`, and nothing of it is
// called or loaded.

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
