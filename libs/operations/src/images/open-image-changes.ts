// The actions of operators on cached images, for all nodes: purge, and refresh from the upstream.
import type { BlobStore, ImageName } from '@cistern/blob-store';
import type { CacheIndex, TagKey } from '@cistern/index';
import type { LiveSettings } from '@cistern/config';
import { CacheError, isCacheError } from '@cistern/errors';
import type { JobQueue } from '@cistern/jobs';
import { parseDigest } from '@cistern/oci';
import { planPurge, purge, type PurgeTarget } from '@cistern/maintenance';
import { createUpstreamTable, fullNameOf, resolveImage, adoptedUpstream } from '@cistern/upstream';
import { forcedRequestKey, workerRequestKey } from '@cistern/pull-through';
import type { PurgeAnswer, PurgePlanLine, RefreshAnswer } from '../api/images.ts';

/** Exactly one field is set. */
interface PurgeRequest {
  readonly image?: string | undefined;
  readonly digest?: string | undefined;
  readonly upstream?: string | undefined;
}

export interface ImageChanges {
  /**
   * Purges an image, a digest or an upstream. If the content is pinned, it purges nothing and resolves to `refused`, which is the
   * reason. Rejects with `name-unknown`, `name-invalid` or an OciSyntaxError for an invalid name. Also rejects as `purge` of
   * `@cistern/maintenance`.
   */
  purge(request: PurgeRequest): Promise<PurgeAnswer | { readonly refused: string }>;
  /**
   * Yields the tags that a purge would remove, and then its total, or `error` with the pins that prevent it. Removes nothing.
   * Rejects as `purge` for invalid names, and as `planPurge` of `@cistern/maintenance`.
   */
  purgePlan(request: PurgeRequest, signal: AbortSignal): AsyncIterable<PurgePlanLine>;
  /**
   * Confirms a tag at the upstream. Resolves to the result, with the full name as `image`. Rejects for an invalid name as `purge`
   * does, with `name-invalid` for a digest, and as `refreshTag`.
   */
  refresh(image: string): Promise<RefreshAnswer>;
}

export interface ImageChangesDeps {
  readonly index: CacheIndex;
  readonly store: BlobStore;
  readonly queue: JobQueue;
}

const maxNamed = 5;

export function openImageChanges(live: LiveSettings, deps: ImageChangesDeps): ImageChanges {
  const { index, store } = deps;
  const table = live.derive(({ upstreams }) => createUpstreamTable(upstreams));
  const adoptAs = live.derive(({ upstreams }) => adoptedUpstream(upstreams));
  const purgeDeps = { index, store, adoptAs, now: index.now };

  /**
   * Resolves to the name of a configured upstream, or of an upstream that is no longer configured but whose content is still
   * cached.
   */
  async function upstreamNamed(name: string): Promise<string> {
    try {
      return table().nameOf(name);
    } catch (error) {
      if (!isCacheError(error, 'name-unknown')) throw error;
      const [first] = await index.links.repositories({ after: `${name}/`, limit: 1 });
      if (first?.upstream === name) return name;
      throw error;
    }
  }

  async function targetOf({ image, digest, upstream }: PurgeRequest): Promise<PurgeTarget> {
    if ([image, digest, upstream].filter((one) => one !== undefined).length !== 1)
      throw new CacheError(
        'name-invalid',
        'The purge request is invalid. Set exactly one of image, digest and upstream.',
      );
    if (image !== undefined) return { image: resolveImage(table(), image) };
    if (digest !== undefined) return { digest: parseDigest(digest) };
    return { upstream: await upstreamNamed(upstream ?? '') };
  }

  return {
    async purge(request) {
      const target = await targetOf(request);
      const result = await purge(purgeDeps, target);
      if ('purged' in result) return { purged: result.purged };
      return { refused: `Nothing was purged: ${describePins(result.pinnedBy)}. Unpin first.` };
    },
    async *purgePlan(request, signal) {
      for await (const item of planPurge(purgeDeps, await targetOf(request), signal))
        if ('tag' in item) yield { tag: fullNameOf(imageOf(item.tag)) };
        else if ('total' in item) yield { result: item.total };
        else yield { error: { message: `Nothing would be purged: ${describePins(item.pinnedBy)}. Unpin first.` } };
    },
    async refresh(text) {
      const image = resolveImage(table(), text);
      const { upstream, repository, reference } = image;
      if (reference.kind === 'digest')
        throw new CacheError('name-invalid', 'A digest never changes, so there is nothing to refresh. Use a tag.');
      return { image: fullNameOf(image), ...(await refreshTag(deps, { upstream, repository, tag: reference.tag })) };
    },
  };
}

function imageOf({ tag, ...key }: TagKey): ImageName {
  return { ...key, reference: { kind: 'tag', tag } };
}

/** Returns for example `quay.io/a:1 is pinned`. */
function describePins(pinnedBy: readonly ImageName[]): string {
  const pins = pinnedBy.map(fullNameOf).sort();
  const which = `${pins.slice(0, maxNamed).join(', ')}${pins.length > maxNamed ? ' and others' : ''}`;
  return `${which} ${pins.length > 1 ? 'are' : 'is'} pinned`;
}

/** The time limit of the job. Usually the deadlines of upstream requests end the job sooner. */
const timeoutMs = 60_000;

/**
 * Makes a worker revalidate a tag now, for all nodes. If the tag has moved, its new manifest is stored before the record of the
 * tag names it. The rest of the image is fetched when a client pulls it. A refresh uses upstream budget like a revalidation, and
 * is rejected if only the reserve of the budget is left. Rejects as `JobQueue.run`.
 */
async function refreshTag({ index, queue }: ImageChangesDeps, key: TagKey): Promise<Omit<RefreshAnswer, 'image'>> {
  const { upstream, repository, tag } = key;
  const before = (await index.tags.get(key))?.digest ?? null;
  const dedupKey = forcedRequestKey(workerRequestKey('revalidate-tag', key, tag));
  const job = { upstream, repository, tag, by: before === null ? 'get' : 'head' } as const;
  await queue.run('revalidate-tag', job, { dedupKey, class: 'interactive', timeoutMs, joins: 'waiting' });
  return { before, after: (await index.tags.get(key))?.digest ?? null };
}
