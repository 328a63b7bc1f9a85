// What operators have decided about asking upstreams, at run time. It lies in the store, one object for each decision, so
// that it outlives index and nodes and no two decisions write the same object.
import {
  type BlobStore,
  offlineDecisionKey,
  offlineDecisionsPrefix,
  parseOfflineDecisionKey,
} from '@cistern/blob-store';
import type { CacheIndex } from '@cistern/index';
import { isCacheError } from '@cistern/errors';

/** Wakes all nodes after a decision. */
export const offlineTopic = 'offline';

export interface OfflineDecisions {
  /** For all upstreams; `undefined`: none. */
  readonly all: boolean | undefined;
  readonly upstreams: ReadonlyMap<string, boolean>;
}

interface OfflineObject {
  readonly schema: 1;
  readonly offline: boolean;
}

/** Rejects with `store-unavailable`. */
export async function readOfflineDecisions(store: BlobStore): Promise<OfflineDecisions> {
  const upstreams = new Map<string, boolean>();
  let all: boolean | undefined;
  for await (const key of store.listObjects(offlineDecisionsPrefix)) {
    const parsed = parseOfflineDecisionKey(key);
    const offline = parsed && (await readDecision(store, key));
    if (parsed === undefined || offline === undefined) continue;
    if (parsed.upstream === undefined) all = offline;
    else upstreams.set(parsed.upstream, offline);
  }
  return { all, upstreams };
}

async function readDecision(store: BlobStore, key: string): Promise<boolean | undefined> {
  const bytes = await store.readObject(key);
  if (bytes === undefined) return undefined;
  try {
    const { schema, offline } = JSON.parse(Buffer.from(bytes).toString('utf8')) as Partial<OfflineObject>;
    return schema === 1 && typeof offline === 'boolean' ? offline : undefined;
  } catch {
    return undefined;
  }
}

export interface OfflineDecision {
  /** Absent: all upstreams, and what was decided for single ones is forgotten. */
  readonly upstream?: string | undefined;
  /** `undefined`: as the configuration says. */
  readonly offline: boolean | undefined;
}

/**
 * Switches one upstream, or all, off or on for all nodes. They act on it at once or, where the announcement does not reach
 * them, within ten seconds. Rejects with `store-unavailable` if it cannot be kept: then it may hold in part.
 */
export async function decideOffline(
  { store, index }: { readonly store: BlobStore; readonly index: Pick<CacheIndex, 'pubsub'> },
  { upstream, offline }: OfflineDecision,
): Promise<void> {
  if (upstream === undefined)
    for (const name of (await readOfflineDecisions(store)).upstreams.keys())
      await store.removeObject(offlineDecisionKey(name));
  const key = offlineDecisionKey(upstream);
  if (offline === undefined) await store.removeObject(key);
  else await store.writeObject(key, Buffer.from(`${JSON.stringify({ schema: 1, offline } satisfies OfflineObject)}\n`));
  try {
    await index.pubsub.publish(offlineTopic);
  } catch (error) {
    if (!isCacheError(error, 'index-unavailable')) throw error;
  }
}
