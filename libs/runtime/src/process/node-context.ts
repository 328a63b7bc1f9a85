import type { AuditLog, Logger, Metrics, Tracing } from '@cistern/telemetry';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The values that every kind of node gets from the program that starts it. */
export interface NodeContext {
  readonly log: Logger;
  readonly metrics: Metrics;
  /** The process's environment. */
  readonly env: Environment;
  /** Cistern's version. */
  readonly version: string;
  /** Called with every line of the access log. Unset means that there is no access log. */
  readonly accessLog?: ((line: string) => void) | undefined;
  /** Unset means that tracing is disabled. */
  readonly tracing?: Tracing | undefined;
  /** Unset means that there is no audit log. */
  readonly audit?: AuditLog | undefined;
}
