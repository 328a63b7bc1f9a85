import type { StoreHealth } from './create-store-health.ts';

/** What every process of a cache is made of, for its own node. */
export interface Assembled extends StoreHealth {
  /** Rejects when the index cannot do its work now. */
  checkIndex(): Promise<void>;
  /** Lets fills end for up to `graceMs`, then closes everything. */
  close(graceMs: number): Promise<void>;
}
