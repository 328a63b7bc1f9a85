// The cached images, for operators: lists them, describes one, shows the most pulled images, and changes images.
import type { TagRecord } from '@cistern/index';
import type { LiveSettings } from '@cistern/config';
import { CacheError } from '@cistern/errors';
import { createFreshnessPolicies, freshnessOf, type PolicyOf } from '@cistern/pull-through';
import { forEachBounded } from '@cistern/runtime';
import { createContentFinder } from './find-cached-content.ts';
import { describeImage } from './describe-image.ts';
import { listPins } from '@cistern/content';
import { selectTags, type TagPosition } from './select-tags.ts';
import { createUpstreamTable, familiarNameOf, fullNameOf, type ResolvedImage, resolveImage } from '@cistern/upstream';
import type { CachedImage, ImageDetails, ImagePage, TopImages } from '../api/images.ts';
import { type ImageChanges, type ImageChangesDeps, openImageChanges } from './open-image-changes.ts';
import { type Digest, OciSyntaxError, parseRepositoryName, parseTag } from '@cistern/oci';

interface ImageSearch {
  /** A part of the full name, case-insensitive. */
  readonly search?: string | undefined;
  readonly upstream?: string | undefined;
  readonly limit: number;
  /** The cursor of the previous page. */
  readonly cursor?: string | undefined;
}

/** `list`, `details` and `top` send no upstream requests. They reject with `index-unavailable` or `store-unavailable`. */
export interface Images extends ImageChanges {
  /** Rejects with `name-invalid` for an invalid cursor. */
  list(search: ImageSearch): Promise<ImagePage>;
  /**
   * Rejects with `manifest-unknown` if the image is not cached. Rejects with `name-unknown`, `name-invalid` or an OciSyntaxError
   * if the name is not an image of a configured upstream.
   */
  details(image: string): Promise<ImageDetails>;
  top(limit: number): Promise<TopImages>;
}

/**
 * The most records that one page of a list reads from the index, and how long it reads them. A search of a large index takes
 * several pages, so that the caller sees its progress.
 */
const [maxRead, maxMs] = [20_000, 100];
const maxPlatforms = 10_000;
/** How many images of a page are looked at in parallel. */
const atOnce = 16;

export function openImages(live: LiveSettings, opened: ImageChangesDeps): Images {
  const { index, store } = opened;
  const table = live.derive(({ upstreams }) => createUpstreamTable(upstreams));
  const policies = live.derive(({ upstreams }) => createFreshnessPolicies(upstreams));
  const policyOf: PolicyOf = (upstream, tag) => policies()(upstream, tag);
  const findContent = createContentFinder({ index, store }, index.now);

  function stateOf(record: TagRecord | undefined, hasContent: boolean): CachedImage['state'] {
    if (!hasContent) return 'not cached';
    return record === undefined ? 'fresh' : freshnessNow(record, policyOf, index.now());
  }

  /** Resolves to a function that returns whether an image is pinned, by its name or by its digest. */
  async function readPinned(): Promise<(image: ResolvedImage, digest: Digest) => boolean> {
    const pinned = new Set((await listPins(store)).map(fullNameOf));
    return (image, digest) =>
      [image, { ...image, reference: { kind: 'digest', digest } } as const].some((one) => pinned.has(fullNameOf(one)));
  }

  return {
    ...openImageChanges(live, opened),
    async list({ search = '', upstream, limit, cursor }) {
      const wanted = search.toLowerCase();
      const select = (record: TagRecord) => fullNameOf(imageOf(record)).toLowerCase().includes(wanted);
      const after = cursor === undefined ? undefined : parseCursor(cursor);
      const { tags, next } = await selectTags(index, { select, upstream, after, limit, maxRead, maxMs });
      const hasContent: boolean[] = [];
      const [isPinned] = await Promise.all([
        readPinned(),
        forEachBounded(tags.entries(), { atOnce }, async ([at, record]) => {
          hasContent[at] = await findContent(record);
        }),
      ]);
      const images = tags.map((record, at): CachedImage => {
        const { repository, tag, digest, changedAtMs, checkedAtMs, lastPulledAtMs } = record;
        const image = imageOf(record);
        return {
          upstream: record.upstream,
          repository,
          tag,
          name: familiarNameOf(table(), image),
          digest,
          fetchedAt: changedAtMs,
          confirmedAt: timeOf(checkedAtMs),
          state: stateOf(record, hasContent[at] === true),
          lastPulledAt: timeOf(lastPulledAtMs),
          pinned: isPinned(image, digest),
        };
      });
      return { images, cursor: next === undefined ? null : formatCursor(next) };
    },
    async details(text) {
      const image = resolveImage(table(), text);
      const { upstream, repository, reference } = image;
      const found = await describeImage({ index, store, now: index.now }, image);
      if (found === undefined) throw new CacheError('manifest-unknown', `${fullNameOf(image)} is not in this cache.`);
      const { record, lastPulledAtMs, hasContent, ...content } = found;
      const isPinned = await readPinned();
      return {
        image: fullNameOf(image),
        upstream,
        repository,
        tag: reference.kind === 'tag' ? reference.tag : null,
        ...content,
        state: stateOf(record, hasContent),
        lastPulledAt: timeOf(lastPulledAtMs),
        freshness: record === undefined ? null : freshnessFacts(record, policyOf),
        pinned: isPinned(image, content.digest),
      };
    },
    async top(limit) {
      const { popularity } = index;
      const [tags, platforms] = await Promise.all([popularity.tags(limit), popularity.platforms(maxPlatforms)]);
      const images = tags.map(({ upstream, repository, tag, pulls }) => ({
        upstream,
        repository,
        tag,
        name: familiarNameOf(table(), { upstream, repository, reference: { kind: 'tag', tag } }),
        score: pulls,
        platforms: platforms
          .filter((one) => one.upstream === upstream && one.repository === repository)
          .map((one) => ({ platform: one.platform, score: one.pulls })),
      }));
      return { images };
    },
  };
}

function imageOf({ upstream, repository, tag }: TagRecord): ResolvedImage {
  return { upstream, repository, reference: { kind: 'tag', tag } };
}

/** Returns how fresh a tag is now, whatever is cached of it. */
function freshnessNow(record: TagRecord, policyOf: PolicyOf, nowMs: number): 'fresh' | 'due' | 'stale' {
  const { upstream, tag, origin, checkedAtMs, lastTriedAtMs, lastFailure } = record;
  const freshness = freshnessOf({ origin, checkedAtMs, lastTriedAtMs }, policyOf(upstream, tag), { nowMs });
  if (freshness === 'fresh') return 'fresh';
  return lastFailure === undefined ? 'due' : 'stale';
}

function freshnessFacts(record: TagRecord, policyOf: PolicyOf): ImageDetails['freshness'] {
  const { firstSeenAtMs, changedAtMs, checkedAtMs, lastTriedAtMs, lastFailure = null, pulls } = record;
  const { ttlMs, staleWhileRevalidateMs, staleIfErrorMs } = policyOf(record.upstream, record.tag);
  return {
    firstSeenAt: firstSeenAtMs,
    fetchedAt: changedAtMs,
    confirmedAt: timeOf(checkedAtMs),
    lastTriedAt: timeOf(lastTriedAtMs),
    lastFailure,
    pulls,
    ttlMs: unlessEndless(ttlMs),
    staleWhileRevalidateMs: unlessEndless(staleWhileRevalidateMs),
    staleIfErrorMs: unlessEndless(staleIfErrorMs),
  };
}

/** Converts a time of a record, in which 0 means never. */
function timeOf(ms: number): number | null {
  return ms === 0 ? null : ms;
}

/** Converts `Infinity` to null, because JSON has no infinity. */
function unlessEndless(ms: number): number | null {
  return ms === Infinity ? null : ms;
}

/**
 * Formats the position after which the next page continues, as text for the client. A forged cursor does no harm, because a
 * cursor contains only names.
 */
function formatCursor({ upstream, repository, tag }: TagPosition): string {
  return Buffer.from(JSON.stringify([upstream, repository, tag ?? null])).toString('base64url');
}

/** Throws `name-invalid` for an invalid cursor. */
function parseCursor(text: string): TagPosition {
  try {
    const [upstream, repository, tag] = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as unknown[];
    if (typeof upstream === 'string' && typeof repository === 'string' && (tag === null || typeof tag === 'string'))
      return {
        upstream,
        repository: parseRepositoryName(repository),
        ...(tag !== null && { tag: parseTag(tag) }),
      };
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError || error instanceof OciSyntaxError)) throw error;
  }
  throw new CacheError('name-invalid', 'The cursor is invalid. Use the cursor of the previous page.');
}
