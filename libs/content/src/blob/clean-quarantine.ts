// Damaged objects are kept for whoever wants to know what became of them, a while and not too many.
import { type BlobStore, quarantinedAtMs, quarantinePrefix } from '@cistern/blob-store';

const keepMs = 7 * 86_400_000;
const maxKept = 32;

/** Removes what is old, and the oldest of what is too many; returns how many are left. Rejects with `store-unavailable`. */
export async function cleanQuarantine(store: BlobStore, nowMs: number): Promise<number> {
  const kept: { readonly key: string; readonly atMs: number }[] = [];
  for await (const key of store.listObjects(quarantinePrefix)) {
    const atMs = quarantinedAtMs(key);
    if (atMs !== undefined) kept.push({ key, atMs });
  }
  kept.sort((one, other) => other.atMs - one.atMs);
  const stays = kept.filter(({ atMs }, position) => position < maxKept && nowMs - atMs < keepMs);
  for (const { key } of kept.slice(stays.length)) await store.removeObject(key);
  return stays.length;
}
