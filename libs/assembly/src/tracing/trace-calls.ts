// Calls of a part as spans of the request or job that makes them. What a node does by itself, such as heartbeats, is no trace.
import { inSpan, type SpanAttributes, type SpanOptions, type Tracing } from '@cistern/telemetry';

type Method = (...args: never[]) => unknown;

export interface TracedCalls {
  /** Before each method's name. */
  readonly prefix: string;
  readonly kind: SpanOptions['kind'];
  attributesOf?(args: readonly unknown[]): SpanAttributes;
}

/** `part` itself in all but its methods of these names, which return promises. */
export function traceCalls<T extends object>(
  part: T,
  names: readonly (keyof T & string)[],
  tracing: Tracing,
  { prefix, kind, attributesOf }: TracedCalls,
): T {
  const traced = names.flatMap((name) => {
    const method = part[name] as Method | undefined;
    if (method === undefined) return [];
    const call = (...args: never[]) => {
      if (tracing.current() === undefined) return method(...args);
      const attributes = attributesOf?.(args) ?? {};
      return inSpan(tracing, `${prefix} ${name}`, { kind, attributes }, async () => method(...args));
    };
    return [[name, call]];
  });
  return { ...part, ...Object.fromEntries(traced) };
}
