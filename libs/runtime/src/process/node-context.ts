import type { AuditLog, Logger, Metrics, Tracing } from '@cistern/telemetry';

export type Environment = Readonly<Record<string, string | undefined>>;

/** What a node of any kind gets from whoever starts it. */
export interface NodeContext {
  readonly log: Logger;
  readonly metrics: Metrics;
  /** The process's environment. */
  readonly env: Environment;
  /** Of Cistern. */
  readonly version: string;
  /** Gets every line of the access log, if there is one. */
  readonly accessLog?: ((line: string) => void) | undefined;
  /** Absent: nobody wants traces. */
  readonly tracing?: Tracing | undefined;
  /** Absent: nothing is written down. */
  readonly audit?: AuditLog | undefined;
}
