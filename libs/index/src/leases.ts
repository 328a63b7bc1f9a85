// Leases: which process does what only one may do at a time. They keep work from being done twice; whatever is wrong when
// two hold one for a moment needs more than a lease.

export interface LeaseIndex {
  /**
   * Takes the lease for `ms` from now, on the index's own clock, if it is free, has expired or is `owner`'s already; false
   * if somebody else has it. `owner` is random, compared for equality.
   */
  acquire(name: string, owner: string, ms: number): Promise<boolean>;
  /** A no-op if somebody else has it. */
  release(name: string, owner: string): Promise<void>;
}
