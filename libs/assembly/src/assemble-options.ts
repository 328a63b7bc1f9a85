import type { AuditLog, Logger, Metrics, Tracing } from '@cistern/telemetry';

export interface AssembleOptions {
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Absent: nobody wants traces. */
  readonly tracing?: Tracing | undefined;
  /** Of this process; not closed here. Absent: nothing is written down. */
  readonly audit?: AuditLog | undefined;
  /** Where the proxy variables are looked up. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Of Cistern, for the `User-Agent`. */
  readonly version: string;
}
