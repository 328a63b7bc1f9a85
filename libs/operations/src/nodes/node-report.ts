// The report of a node about itself. It is small, has no secrets, and other releases can read it.
import { hostname } from 'node:os';
import type { FillActivity } from '@cistern/fills';
import type { FillClass } from '@cistern/index';
import type { ActivityCounts, UpstreamActivity } from '@cistern/telemetry';
import type { KnownBudget } from '@cistern/upstream';
import type { Config } from '@cistern/config';
import type { Problem, ReloadOutcome } from '@cistern/runtime/process';

export type NodeRole = 'frontend' | 'worker' | 'admin' | 'standalone';

export interface NodeIdentity {
  /** Random for each process. */
  readonly id: string;
  /** The host name and the port or path that the node listens on, for operators. */
  readonly name: string;
  readonly role: NodeRole;
  /** The version of Cistern. */
  readonly version: string;
  readonly startedAtMs: number;
}

export interface FillReport {
  readonly digest: string;
  readonly upstream: string;
  readonly repository: string;
  readonly class: FillClass;
  /** The number of bytes that have arrived. `size` is unset until the upstream has sent the size. */
  readonly bytes: number;
  readonly size?: number | undefined;
  /** The number of streams that read from the fill. A frontend has one stream, however many clients it serves. */
  readonly readers: number;
  readonly startedAtMs: number;
  readonly bytesPerSecond: number;
  /** Unset in reports of nodes of an older release. */
  readonly activity?: FillActivity | undefined;
}

/** The answer of a node to a request of an operator to reload. */
export interface ReloadReport extends ReloadOutcome {
  /** The id of the request. */
  readonly id: string;
}

export interface ConfigurationReport {
  /** Unset for a node without a cluster. */
  readonly fingerprint?: string | undefined;
  readonly needsRestart: readonly string[];
  /** The answers to the last requests, the newest last. */
  readonly reloads: readonly ReloadReport[];
}

/** A part that the node calls, and the duration of recent calls to it. */
export interface RoundTrip {
  /** Such as `Redis` or `S3`. */
  readonly kind: string;
  /** The average of the calls since the previous report, or the last health check. Unset if there was none. */
  readonly ms?: number | undefined;
}

/** The load of a node since its previous report. */
export interface NodeLoad {
  /** Processor time per time: 1 is one processor. */
  readonly cpu: number;
  readonly requestsPerSecond: number;
  /** Bytes that were sent to clients, or for a worker that were received from upstreams. */
  readonly bytesPerSecond: number;
}

export interface NodeReport extends NodeIdentity {
  readonly schema: 1;
  /** The number of clients' requests in flight. `jobs` is the number of running jobs. */
  readonly inFlight: number;
  readonly jobs: number;
  readonly rssBytes: number;
  /**
   * At most a hundred fills: first those that clients wait for, then the others, and the oldest first. `fillsInFlight` is the
   * number of all fills.
   */
  readonly fills: readonly FillReport[];
  readonly fillsInFlight: number;
  readonly upstreams: readonly UpstreamActivity[];
  readonly budget: readonly KnownBudget[];
  /**
   * The times to first byte in the last minute: the number of responses in each bucket, by the upper bound of the bucket in
   * seconds.
   */
  readonly latencies: Readonly<Record<string, number>>;
  /** Unset in reports of nodes of an older release. */
  readonly configuration?: ConfigurationReport | undefined;
  /** Unset in reports of nodes of an older release. */
  readonly problems?: readonly Problem[] | undefined;
  /** Unset in the first report of a node, and in reports of nodes of an older release. */
  readonly load?: NodeLoad | undefined;
  /** Unset in reports of nodes of an older release. */
  readonly index?: RoundTrip | undefined;
  readonly store?: RoundTrip | undefined;
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

/** Returns `undefined` if the report is invalid, or if its schema is of another release. */
export function parseReport(text: string): NodeReport | undefined {
  try {
    const report = JSON.parse(text) as NodeReport | null;
    return report?.schema === 1 ? report : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Returns the host name and the port or path that the node listens on, such as `cache-1:5000`. The host name of a
 * container is often the container's ID. Then the name is the role with the first digits of the ID: `worker-3f9c21:5002`.
 */
export function nodeName(
  { http, worker, admin }: Pick<Config, 'http' | 'worker' | 'admin'>,
  role: NodeRole,
  host = hostname(),
): string {
  const addresses = { frontend: http.address, standalone: http.address, worker: worker.address, admin: admin.address };
  const address = addresses[role];
  const name = /^[\da-f]{12}$/.test(host) ? `${role}-${host.slice(0, 6)}` : host;
  if (address === undefined) return name;
  return address.kind === 'unix' ? `${name}:${address.path}` : `${name}:${address.port}`;
}
