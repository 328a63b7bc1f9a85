// What a node says of itself to whoever watches the cache: small, without secrets, and readable by another release.
import type { FillClass } from '@cistern/index';
import type { UpstreamActivity } from '@cistern/telemetry';
import type { KnownBudget } from '@cistern/upstream';

export type NodeRole = 'frontend' | 'worker' | 'admin' | 'standalone';

export interface NodeIdentity {
  /** Random, of this process. */
  readonly id: string;
  /** Where it listens, as people tell nodes apart. */
  readonly name: string;
  readonly role: NodeRole;
  /** Of Cistern. */
  readonly version: string;
  readonly startedAtMs: number;
}

export interface FillReport {
  readonly digest: string;
  readonly upstream: string;
  readonly repository: string;
  readonly class: FillClass;
  /** That are here; of how many, once upstream has said it. */
  readonly bytes: number;
  readonly size?: number | undefined;
  /** Who reads from it here: a frontend counts once, however many clients it serves. */
  readonly readers: number;
  readonly startedAtMs: number;
  readonly bytesPerSecond: number;
}

export interface NodeReport extends NodeIdentity {
  readonly schema: 1;
  /** Clients' requests, and jobs. */
  readonly inFlight: number;
  readonly jobs: number;
  readonly rssBytes: number;
  /** The first hundred of `fillsInFlight`: those that clients wait for before others, the oldest first. */
  readonly fills: readonly FillReport[];
  readonly fillsInFlight: number;
  readonly upstreams: readonly UpstreamActivity[];
  readonly budget: readonly KnownBudget[];
  /** How many answers of the last minute began within so many seconds, and not within fewer. */
  readonly latencies: Readonly<Record<string, number>>;
}

/** `undefined` for what only another release can read. */
export function parseReport(text: string): NodeReport | undefined {
  try {
    const report = JSON.parse(text) as NodeReport | null;
    return report?.schema === 1 ? report : undefined;
  } catch {
    return undefined;
  }
}
