// Leases, by which only one process at a time does a piece of work. A lease only avoids duplicate work: for a moment
// two processes may both do the work. If this would do harm, the work needs further protection.
import { randomUUID } from 'node:crypto';
import { CacheError } from '@cistern/errors';

export interface LeaseIndex {
  /**
   * Takes the lease for `ms` from now, by the clock of the index. Succeeds if the lease is free, has expired, or is
   * already held by `owner`. Returns false if another owner holds the lease. `owner` is a random value.
   */
  acquire(name: string, owner: string, ms: number): Promise<boolean>;
  /** Releases the lease. Does nothing if another owner holds it. */
  release(name: string, owner: string): Promise<void>;
}

export interface WithLeaseOptions {
  readonly index: { readonly leases: LeaseIndex };
  readonly name: string;
  readonly signal?: AbortSignal | undefined;
  /**
   * Duration of the lease. If a process dies, another process can take over its work after this time. Default: 30
   * seconds.
   */
  readonly leaseMs?: number;
}

const defaultLeaseMs = 30_000;
const prolongations = 3;

/**
 * Runs `action` under the lease and resolves to its result, or to `undefined` if another process holds the lease.
 * `action` must end when its signal aborts. The signal aborts with the given signal, or with `index-unavailable` when
 * another process has taken the lease.
 */
export async function withLease<T>(
  { index: { leases }, name, signal, leaseMs = defaultLeaseMs }: WithLeaseOptions,
  action: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const owner = randomUUID();
  if (!(await leases.acquire(name, owner, leaseMs))) return undefined;
  const lost = new AbortController();
  // Ignores a failed call, because `action` itself detects that the index is unavailable.
  const prolong = async () => {
    if (await leases.acquire(name, owner, leaseMs).catch(() => true)) return;
    lost.abort(new CacheError('index-unavailable', `The lease "${name}" was lost to another process.`));
  };
  const timer = setInterval(() => void prolong(), leaseMs / prolongations);
  try {
    return await action(AbortSignal.any([lost.signal, ...(signal === undefined ? [] : [signal])]));
  } finally {
    clearInterval(timer);
    // If the release fails, the lease expires automatically.
    await leases.release(name, owner).catch(() => {});
  }
}
