import type { AuditLog, Logger, Metrics, Tracing } from '@cistern/telemetry';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The result of reading the configuration again. */
export interface ReloadOutcome {
  /** `unchanged`: the new configuration has no other settings, except those that need a restart. */
  readonly result: 'applied' | 'unchanged' | 'rejected';
  /** Why the new configuration was rejected. Unset otherwise. */
  readonly reason?: string | undefined;
  /** The keys of settings that differ from the running ones and need a restart. */
  readonly needsRestart: readonly string[];
}

/** Reads the configuration of a running node again. */
export interface NodeReload {
  /** Applies the new configuration as a whole, or keeps the running one. Never rejects. */
  run(): Promise<ReloadOutcome>;
  /** Returns a fingerprint of the running configuration, or `undefined` for a node without a cluster. */
  fingerprint(): string | undefined;
  /** Returns the keys of settings that differed in the last valid configuration, and need a restart. */
  needsRestart(): readonly string[];
}

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
  /** Unset means that the node cannot reload its configuration, for example because no file belongs to it. */
  readonly reload?: NodeReload | undefined;
}
