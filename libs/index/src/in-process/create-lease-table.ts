// Leases of a single process.
import type { LeaseIndex } from '../leases.ts';
import type { InProcessOptions } from './in-process-options.ts';

export function createLeaseTable({ now, checkAvailable }: InProcessOptions): LeaseIndex {
  const leases = new Map<string, { readonly owner: string; readonly expiresAtMs: number }>();

  function forgetExpired(): void {
    for (const [name, { expiresAtMs }] of leases) if (expiresAtMs <= now()) leases.delete(name);
  }

  return {
    async acquire(name, owner, ms) {
      checkAvailable();
      forgetExpired();
      const holder = leases.get(name)?.owner ?? owner;
      if (holder !== owner) return false;
      leases.set(name, { owner, expiresAtMs: now() + ms });
      return true;
    },
    async release(name, owner) {
      checkAvailable();
      if (leases.get(name)?.owner === owner) leases.delete(name);
    },
  };
}
