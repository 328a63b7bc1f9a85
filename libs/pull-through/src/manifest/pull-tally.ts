// Pulls that were answered from memory, told to the index together: those of one turn of the event loop. A hot tag has dozens in
// one, and each would cost the index's promises and names again.
import type { CacheIndex, Link, TagRecord } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import type { RefreshParts } from '@cistern/content';

export interface PullTally {
  /** `tag`: as it was recalled, if it was pulled by one. */
  pulled(digest: Digest, tag: TagRecord | undefined): void;
  /** Of a manifest that an index lists, pulled by its digest. */
  pulledPlatform(link: Link): void;
}

export interface PullTallyOptions {
  readonly index: Pick<CacheIndex, 'blobs' | 'tags' | 'popularity'>;
  readonly refreshParts: RefreshParts;
  readonly now: () => number;
}

export function createPullTally({ index, refreshParts, now }: PullTallyOptions): PullTally {
  const { blobs, tags, popularity } = index;
  let digests = new Set<Digest>();
  let tagPulls = new Map<TagRecord, number>();
  let platformPulls = new Map<Link, number>();
  let turn: NodeJS.Immediate | undefined;

  function tell(): void {
    const [touched, pulledTags, pulledPlatforms] = [digests, tagPulls, platformPulls];
    [digests, tagPulls, platformPulls, turn] = [new Set(), new Map(), new Map(), undefined];
    const atMs = now();
    for (const digest of touched) {
      // An index that cannot be told is made up for when it can be asked again.
      blobs.touch(digest, atMs).catch(() => {});
      refreshParts(digest);
    }
    for (const [tag, pulls] of pulledTags) {
      tags.recordPull(tag, atMs, pulls).catch(() => {});
      popularity.countTag(tag, pulls);
    }
    for (const [link, pulls] of pulledPlatforms) popularity.countPlatform(link, link.platform ?? '', pulls);
  }

  return {
    pulled(digest, tag) {
      digests.add(digest);
      if (tag !== undefined) tagPulls.set(tag, (tagPulls.get(tag) ?? 0) + 1);
      turn ??= setImmediate(tell);
    },
    pulledPlatform(link) {
      platformPulls.set(link, (platformPulls.get(link) ?? 0) + 1);
      turn ??= setImmediate(tell);
    },
  };
}
