// What a node reports of itself: small, without secrets, and readable by another release.
import { hostname } from 'node:os';
import type { FillActivity } from '@cistern/fills';
import type { FillClass } from '@cistern/index';
import type { ActivityCounts, UpstreamActivity } from '@cistern/telemetry';
import type { KnownBudget } from '@cistern/upstream';
import type { Config } from '@cistern/config';

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
  /** Absent in reports of older nodes. */
  readonly activity?: FillActivity | undefined;
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

export const noCounts: ActivityCounts = {
  requests: 0,
  hits: 0,
  joined: 0,
  stale: 0,
  revalidated: 0,
  misses: 0,
  errors: 0,
  bytesServed: 0,
  bytesFetched: 0,
  upstreamCalls: 0,
};

/** `undefined` for what only another release can read. */
export function parseReport(text: string): NodeReport | undefined {
  try {
    const report = JSON.parse(text) as NodeReport | null;
    return report?.schema === 1 ? report : undefined;
  } catch {
    return undefined;
  }
}

/** `cache-1:5000`: the machine and where it listens there. */
export function nodeName({ http, worker, admin }: Pick<Config, 'http' | 'worker' | 'admin'>, role: NodeRole): string {
  const addresses = { frontend: http.address, standalone: http.address, worker: worker.address, admin: admin.address };
  const address = addresses[role];
  if (address === undefined) return hostname();
  return address.kind === 'unix' ? `${hostname()}:${address.path}` : `${hostname()}:${address.port}`;
}
