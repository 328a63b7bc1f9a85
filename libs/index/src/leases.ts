// Leases: one process of all does a piece of work at a time. They keep work from being done twice; work that fails when two
// hold the lease for a moment needs more than a lease.
import { randomUUID } from 'node:crypto';
import { CacheError } from '@cistern/errors';

export interface LeaseIndex {
  /**
   * Takes the lease for `ms` from now, on the index's own clock, if it is free, has expired or is `owner`'s already; false
   * if somebody else has it. `owner` is random, compared for equality.
   */
  acquire(name: string, owner: string, ms: number): Promise<boolean>;
  /** A no-op if somebody else has it. */
  release(name: string, owner: string): Promise<void>;
}

export interface WithLeaseOptions {
  readonly index: { readonly leases: LeaseIndex };
  readonly name: string;
  readonly signal?: AbortSignal | undefined;
  /** How long the work rests when the process that did it has died; default half a minute. */
  readonly leaseMs?: number;
}

const defaultLeaseMs = 30_000;
const prolongations = 3;

/**
 * Resolves as `action` does, which ends when its signal says so; `undefined` if another process is at it. The signal aborts,
 * with `index-unavailable`, when the lease has become another's.
 */
export async function withLease<T>(
  { index: { leases }, name, signal, leaseMs = defaultLeaseMs }: WithLeaseOptions,
  action: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const owner = randomUUID();
  if (!(await leases.acquire(name, owner, leaseMs))) return undefined;
  const lost = new AbortController();
  // An index that cannot be reached is the action's to find out.
  const prolong = async () => {
    if (await leases.acquire(name, owner, leaseMs).catch(() => true)) return;
    lost.abort(new CacheError('index-unavailable', `The lease "${name}" was lost to another process.`));
  };
  const timer = setInterval(() => void prolong(), leaseMs / prolongations);
  try {
    return await action(AbortSignal.any([lost.signal, ...(signal === undefined ? [] : [signal])]));
  } finally {
    clearInterval(timer);
    // It expires by itself.
    await leases.release(name, owner).catch(() => {});
  }
}
