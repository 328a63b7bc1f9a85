// The decisions of operators at run time, for all nodes: which images are pinned, and which upstreams are offline.
import type { LiveSettings } from '@cistern/config';
import { createFreshnessPolicies, decideOffline, readOfflineDecisions, type PolicyOf } from '@cistern/pull-through';
import { listPins, pinImage, unpinImage, type IndexAndStore } from '@cistern/content';
import { untilPinHolds } from '@cistern/maintenance';
import { createUpstreamTable, resolveImage, type ResolvedImage } from '@cistern/upstream';
import type { CacheIndex, TagRecord } from '@cistern/index';
import type { PinAnswer, PinList, StaleLine, Upstream } from '../api/operators.ts';
import { type SelectedTags, selectTags, type TagPosition } from '../images/select-tags.ts';

export interface Decisions {
  /** Resolves to the names of the pinned images, which are never evicted. */
  pins(): Promise<PinList>;
  /** Rejects with `name-unknown`, `name-invalid` or an OciSyntaxError if the name is not an image of a configured upstream. */
  pin(image: string): Promise<PinAnswer>;
  /** Rejects as `pin`. */
  unpin(image: string): Promise<PinAnswer>;
  upstreams(): Promise<readonly Pick<Upstream, 'name' | 'isOffline' | 'by'>[]>;
  /**
   * Switches upstreams offline or online. An unset `upstream` means all upstreams. An unset `offline` restores the configured
   * state. Rejects with `name-unknown`.
   */
  decideOffline(decision: {
    readonly upstream?: string | undefined;
    readonly offline: boolean | undefined;
  }): Promise<void>;
  /** Yields the tags that were pulled after their TTL, and that the upstream has not confirmed since then. */
  staleTags(): AsyncIterable<NonNullable<StaleLine['tag']>>;
}

const stalePage = 100;

/** All methods reject with `store-unavailable` or `index-unavailable` if the store or the index is unavailable. */
export function openDecisions(live: LiveSettings, { index, store }: IndexAndStore): Decisions {
  const configured = live.derive(({ upstreams }) => upstreams);
  const table = live.derive(({ upstreams }) => createUpstreamTable(upstreams));
  const policies = live.derive(({ upstreams }) => createFreshnessPolicies(upstreams));
  const policyOf: PolicyOf = (upstream, tag) => policies()(upstream, tag);
  return {
    pins: async () => ({ pins: (await listPins(store)).map(nameOf).toSorted() }),
    async pin(image) {
      const resolved = resolveImage(table(), image);
      await pinImage(store, resolved);
      await untilPinHolds({ index, store, now: Date.now }, resolved);
      return { image: nameOf(resolved) };
    },
    async unpin(image) {
      const resolved = resolveImage(table(), image);
      return { image: nameOf(resolved), wasPinned: await unpinImage(store, resolved) };
    },
    async upstreams() {
      const decided = await readOfflineDecisions(store);
      return configured().map(({ name, isOffline }) => {
        const decision = decided.upstreams.get(name) ?? decided.all;
        return { name, isOffline: decision ?? isOffline, by: decision === undefined ? 'configuration' : 'decision' };
      });
    },
    async decideOffline({ upstream, offline }) {
      if (upstream !== undefined) table().nameOf(upstream);
      await decideOffline({ store, index }, { upstream, offline });
    },
    async *staleTags() {
      for (let after: Parameters<typeof listStale>[1]['after']; ;) {
        const page = await listStale({ index, policyOf }, { limit: stalePage, ...(after && { after }) });
        for (const { upstream, repository, tag, checkedAtMs, lastPulledAtMs } of page.tags)
          yield { image: `${upstream}/${repository}:${tag}`, checkedAtMs, lastPulledAtMs };
        if (page.next === undefined) return;
        after = page.next;
      }
    },
  };
}

function nameOf({ upstream, repository, reference }: ResolvedImage): string {
  const end = reference.kind === 'tag' ? `:${reference.tag}` : `@${reference.digest}`;
  return `${upstream}/${repository}${end}`;
}

/**
 * A pull is recorded after its response, and so a moment after the confirmation that it waited for. A difference below this is no
 * stale pull.
 */
const slackMs = 10_000;

/**
 * Lists the tags that were pulled after their TTL, and that the upstream has not confirmed since then. Operators need the list
 * during an outage, or before they switch an upstream online again. The list covers all nodes, because it is read from the index.
 * It has the pages and the errors of `selectTags`.
 */
export async function listStale(
  { index, policyOf }: { readonly index: Pick<CacheIndex, 'links' | 'tags'>; readonly policyOf: PolicyOf },
  page: { readonly after?: TagPosition; readonly limit: number; readonly maxRead?: number },
): Promise<SelectedTags> {
  return selectTags(index, { ...page, select: (record) => wasServedStale(record, policyOf) });
}

function wasServedStale({ upstream, tag, checkedAtMs, lastPulledAtMs }: TagRecord, policyOf: PolicyOf): boolean {
  return lastPulledAtMs - checkedAtMs >= Math.max(policyOf(upstream, tag).ttlMs, slackMs);
}
