import type { Logger, Metrics } from '@cistern/telemetry';

export interface AssembleOptions {
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Where the proxy variables are looked up. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Of Cistern, for the `User-Agent`. */
  readonly version: string;
}
