// Plans an eviction for the operator: the blobs that it would remove now, and why.
import type { BlobRecord } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import type { EvictionReason } from '@cistern/telemetry';
import { chooseAged, type ChooseAgedDeps, chooseVictims } from './choose-victims.ts';
import { createPinnedDigests } from './create-pinned-digests.ts';
import type { ReadLimits } from './eviction-limits.ts';

export interface PlanEvictionDeps extends ChooseAgedDeps {
  readonly readLimits: ReadLimits;
}

interface PlannedVictim {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly kind: 'manifest' | 'blob';
  readonly lastPulledAtMs: number;
  readonly reason: EvictionReason;
}

export interface EvictionPlan {
  /** Bytes of all stored blobs. */
  readonly bytes: number;
  /** The size in bytes to which eviction would reduce the store. `undefined` means that no space must be freed. */
  readonly downToBytes: number | undefined;
  /** Number of pinned blobs, which are never evicted. */
  readonly pinned: number;
  /** Victims in the order of their eviction. Can be iterated only once. */
  readonly victims: AsyncIterable<PlannedVictim>;
}

/**
 * Plans an eviction without evicting anything. `downToBytes` is the size to reduce the store to; if it is unset, the
 * watermarks decide. Rejects with `store-unavailable`, `index-unavailable` or the signal's reason, and so does the
 * iterator of the victims.
 */
export async function planEviction(
  deps: PlanEvictionDeps,
  { downToBytes: wanted, signal }: { readonly downToBytes?: number | undefined; readonly signal: AbortSignal },
): Promise<EvictionPlan> {
  const { index, readLimits } = deps;
  const pinned = await createPinnedDigests(deps)();
  const { bytes } = await index.blobs.totals();
  const limits = await readLimits(bytes, 0);
  const downToBytes = wanted ?? (bytes > limits.highBytes ? limits.lowBytes : undefined);
  return { bytes, downToBytes, pinned: pinned.size, victims: victimsOf(deps, { bytes, downToBytes, pinned, signal }) };
}

async function* victimsOf(
  deps: PlanEvictionDeps,
  given: {
    readonly bytes: number;
    readonly downToBytes: number | undefined;
    readonly pinned: ReadonlySet<Digest>;
    readonly signal: AbortSignal;
  },
): AsyncGenerator<PlannedVictim> {
  const { index, ageLimits } = deps;
  const { downToBytes = Infinity, pinned, signal } = given;
  let left = given.bytes;
  const describe = async ({ digest, size, lastPulledAtMs }: BlobRecord, reason: EvictionReason) => {
    const kind = (await index.manifests.get(digest)) === undefined ? 'blob' : 'manifest';
    left -= size;
    return { digest, size, kind, lastPulledAtMs, reason } as const;
  };
  const gone = new Set<Digest>();
  const isSpared = (digest: Digest) => pinned.has(digest) || gone.has(digest);
  if (ageLimits().size > 0)
    for await (const aged of chooseAged(deps, isSpared, signal))
      for (const record of aged) {
        gone.add(record.digest);
        yield describe(record, 'age');
      }
  if (left <= downToBytes) return;
  for await (const record of chooseVictims(deps, { isSpared, isShort: () => true })) {
    signal.throwIfAborted();
    yield describe(record, 'space');
    if (left <= downToBytes) return;
  }
}
