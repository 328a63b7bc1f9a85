// Work that one process of all may do at a time.
import { randomUUID } from 'node:crypto';
import type { CacheIndex } from './cache-index.ts';
import { CacheError } from '@cistern/errors';

export interface WithLeaseOptions {
  readonly index: Pick<CacheIndex, 'leases'>;
  readonly name: string;
  readonly signal?: AbortSignal | undefined;
  /** How long nobody does the work when whoever did it has died; default half a minute. */
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
