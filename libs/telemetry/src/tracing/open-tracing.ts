// Whether traces are wanted, by OpenTelemetry's own environment variables: nothing of it is loaded before that (decision 0038).
import type { Logger } from '../logger.ts';
import type { Tracing } from './tracing.ts';

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
