// Leases let one of all processes do a piece of work at a time. They prevent duplicate work. Work that breaks when two
// processes hold the lease for a moment needs more than a lease.
import { randomUUID } from 'node:crypto';
import { CacheError } from '@cistern/errors';

export interface LeaseIndex {
  /**
   * Takes the lease for `ms` from now, by the index's own clock, if it is free, expired or already held by `owner`.
   * Returns false if another owner holds it. `owner` is random and compared for equality.
   */
  acquire(name: string, owner: string, ms: number): Promise<boolean>;
  /** Does nothing if another owner holds the lease. */
  release(name: string, owner: string): Promise<void>;
}

export interface WithLeaseOptions {
  readonly index: { readonly leases: LeaseIndex };
  readonly name: string;
  readonly signal?: AbortSignal | undefined;
  /** The delay before another process continues the work of a process that died; default 30 seconds. */
  readonly leaseMs?: number;
}

const defaultLeaseMs = 30_000;
const prolongations = 3;

/**
 * Runs `action` under the lease and resolves to its result, or to `undefined` if another process holds the lease.
 * `action` ends when its signal aborts. The signal aborts with `index-unavailable` when another process has taken the
 * lease.
 */
export async function withLease<T>(
  { index: { leases }, name, signal, leaseMs = defaultLeaseMs }: WithLeaseOptions,
  action: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const owner = randomUUID();
  if (!(await leases.acquire(name, owner, leaseMs))) return undefined;
  const lost = new AbortController();
  // If the index is unavailable, `action` finds that out with its own calls.
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
