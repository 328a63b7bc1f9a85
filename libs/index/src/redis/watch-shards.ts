// Whether Redis has been out of this process's sight for so long that the leases of fills ran out, though their owners live:
// a server that hung or was restarted with its data, a node's replica that took over late. What was in it is still there,
// so nothing in Redis tells.

export interface ShardWatch {
  /** Redis has answered for these shards. The first time begins to watch them. */
  answered(shards: readonly string[]): void;
  /** Nobody has looked for a while; ask before a claim. */
  isOutOfSight(shard: string): boolean;
  /** How long owners still have to put back the records that ran out; 0: it was never out of sight, or long ago. */
  unsettledForMs(shard: string): number;
}

/** Of a lease of four seconds that is prolonged every second so much is left at least when Redis is last seen. */
const leaseLeftMs = 3000;

export function watchShards(settleMs: number): ShardWatch {
  const seen = new Map<string, { readonly lastAtMs: number; readonly againSinceMs: number }>();

  function isOutOfSight(shard: string): boolean {
    const sight = seen.get(shard);
    return sight !== undefined && performance.now() - sight.lastAtMs >= leaseLeftMs;
  }

  return {
    isOutOfSight,
    answered(shards) {
      const nowMs = performance.now();
      for (const shard of shards) {
        const againSinceMs = isOutOfSight(shard) ? nowMs : (seen.get(shard)?.againSinceMs ?? -Infinity);
        seen.set(shard, { lastAtMs: nowMs, againSinceMs });
      }
    },
    unsettledForMs(shard) {
      const { againSinceMs = -Infinity } = seen.get(shard) ?? {};
      return Math.max(0, Math.ceil(againSinceMs + settleMs - performance.now()));
    },
  };
}
