// What operators decide while the cache runs, for all of its nodes: which images stay, and which upstreams are not asked.
import type { Config } from '@cistern/config';
import { createFreshnessPolicies, decideOffline, readOfflineDecisions } from '@cistern/pull-through';
import { listPins, pinImage, unpinImage, type IndexAndStore } from '@cistern/content';
import { listStale } from '../images/list-stale.ts';
import { createUpstreamTable, resolveImage, type ResolvedImage } from '@cistern/upstream';

interface UpstreamState {
  readonly name: string;
  readonly isOffline: boolean;
  /** By whom it is so. */
  readonly by: 'configuration' | 'decision';
}

interface StaleTag {
  readonly image: string;
  /** When upstream last confirmed it, and when it was last pulled, in milliseconds since 1970. */
  readonly checkedAtMs: number;
  readonly lastPulledAtMs: number;
}

export interface Decisions {
  /** Images that are never evicted, as people write them, sorted. */
  pins(): Promise<readonly string[]>;
  /**
   * Returns the image's whole name. Rejects with `name-unknown`, `name-invalid` or an OciSyntaxError for what names no image
   * of these upstreams.
   */
  pin(image: string): Promise<string>;
  /** `wasPinned`: false if there was nothing to undo. Rejects as `pin`. */
  unpin(image: string): Promise<{ readonly image: string; readonly wasPinned: boolean }>;
  upstreams(): Promise<readonly UpstreamState[]>;
  /** Absent `upstream`: all. `offline` undefined: as the configuration says. Rejects with `name-unknown`. */
  decideOffline(decision: {
    readonly upstream?: string | undefined;
    readonly offline: boolean | undefined;
  }): Promise<void>;
  /** Tags that were pulled after their time and not confirmed since. */
  staleTags(): AsyncIterable<StaleTag>;
}

const stalePage = 100;

/** All of it rejects with `store-unavailable` or `index-unavailable`. */
export function openDecisions({ upstreams }: Pick<Config, 'upstreams'>, { index, store }: IndexAndStore): Decisions {
  const table = createUpstreamTable(upstreams);
  const policyOf = createFreshnessPolicies(upstreams);
  return {
    pins: async () => (await listPins(store)).map(nameOf).toSorted(),
    async pin(image) {
      const resolved = resolveImage(table, image);
      await pinImage(store, resolved);
      return nameOf(resolved);
    },
    async unpin(image) {
      const resolved = resolveImage(table, image);
      return { image: nameOf(resolved), wasPinned: await unpinImage(store, resolved) };
    },
    async upstreams() {
      const decided = await readOfflineDecisions(store);
      return upstreams.map(({ name, isOffline }) => {
        const decision = decided.upstreams.get(name) ?? decided.all;
        return { name, isOffline: decision ?? isOffline, by: decision === undefined ? 'configuration' : 'decision' };
      });
    },
    async decideOffline({ upstream, offline }) {
      if (upstream !== undefined) table.nameOf(upstream);
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
