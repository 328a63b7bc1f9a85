// Opens a blob for a client: confirms that the repository holds the blob, then reads it from the store or from a fill. Clients
// share reads.
import { hash } from 'node:crypto';
import { type BlobRecord, type Link, type RepositoryKey, isSameRepository } from '@cistern/index';
import { isCacheError } from '@cistern/errors';
import type { ByteRange, Digest } from '@cistern/oci';
import type { Recent } from '@cistern/runtime';
import type { RequestFromWorker } from '../requests/request-from-worker.ts';
import {
  ifStoreAvailable,
  type RepositoryLinksDeps,
  findLink,
  ifConfirmed,
  proveStored,
  assertNotEmptied,
  findStoredBlob,
} from '@cistern/content';
import type { FollowedFill } from '@cistern/fills';
import type { FindDenial } from '../access/platforms-of.ts';
import type { AuthorizedRepository } from '../access/authorized-repository.ts';
import type { BlobRequest, BlobStream, CacheResult, OpenedBlob } from '../requests/pull-through.ts';
import { chunkBytes, type SharedReader, type SharedReads } from '@cistern/streams';
import { type BlobSource, type BlobSourceDeps, createBlobSource } from './blob-source.ts';

export interface OpenBlobDeps extends BlobSourceDeps, RepositoryLinksDeps {
  readonly requestFromWorker: RequestFromWorker;
  readonly reads: SharedReads;
  /** Remembers which client read which blob whole on this node within the last minute. */
  readonly wholeReads: Recent<string, true>;
  /**
   * Returns the upstreams that do not verify callers, which means without `access: verify`. A request also finds a digest at
   * another one of these upstreams, if the caller may pull the repository there.
   */
  readonly sharedUpstreams: () => readonly string[];
  readonly findDenial: FindDenial;
  /** How long a URL of the store is valid. Unset means that clients get no URLs. */
  readonly presignForMs?: number | undefined;
}

/**
 * A smaller range of a blob that is not cached is served before the whole blob is verified, because lazy pullers probe small
 * ranges.
 */
const smallRangeBytes = 4 * 1024 * 1024;

/**
 * A repeated read is not checked if the blob was checked this shortly before. Many clients may share one address, and each check
 * costs as much CPU as half of the read.
 */
const checkedAgainMs = 1000;
/** A repeated read gets a URL of the store only if this node checked the blob this shortly before. */
const locatedMs = 60_000;

export async function openBlob(deps: OpenBlobDeps, request: BlobRequest): Promise<OpenedBlob> {
  const { target, digest, intent, client, signal } = request;
  // Both run at the same time. Otherwise a request for a blob that is not cached would wait for the store twice.
  const [link, found] = await Promise.all([
    findHolder(deps, request),
    ifStoreAvailable(deps.log, () => findStoredBlob(deps, digest)),
  ]);
  const stored = await findCredible(deps, request, link, found);
  if (stored !== undefined) {
    await confirm(deps, request, link);
    await deps.index.blobs.touch(digest, deps.now());
    const isRepeated = intent === 'whole' && noteWholeRead(deps, client, digest);
    const isDoubted = isRepeated && !deps.readChecks.isJustRight(stored, checkedAgainMs);
    const checked = intent === 'whole' && (isDoubted || deps.readChecks.isDue(stored));
    const { size } = stored;
    const locatable = stored.verified && (!isRepeated || deps.readChecks.isJustRight(stored, locatedMs));
    return opened(deps, request, { source: link ?? target, size, cache: 'HIT', checked, locatable });
  }
  if (intent === 'whole') {
    const { record, joined } = await deps.follow({ digest, source: link ?? target, from: 0, signal });
    // A fill from this repository shows that the repository holds the blob. A fill from another repository does not.
    if (!isSameRepository(record.source, link ?? target)) await confirm(deps, request, link);
    const cache = joined ? 'JOINED' : 'MISS';
    return opened(deps, request, { source: link ?? target, size: record.size, cache, following: { record, joined } });
  }
  // Later reads may get bytes from another repository's fill, so this repository is confirmed now.
  const hasSize = link?.size !== undefined;
  const sized = await (hasSize ? confirm(deps, request, link) : statUpstream(deps, request, link));
  if (sized.size === undefined) return openBlob(deps, { ...request, intent: 'whole' });
  const running = await deps.index.fills.read(digest);
  const joined = running?.state === 'starting' || running?.state === 'running';
  return opened(deps, request, { source: sized, size: sized.size, cache: joined ? 'JOINED' : 'MISS' });
}

/**
 * Notes that `client` reads the whole blob. Returns true if the client already did so within the last minute. Docker repeats a
 * read after a digest mismatch.
 */
function noteWholeRead({ wholeReads }: OpenBlobDeps, client: string | undefined, digest: Digest): boolean {
  if (client === undefined) return false;
  const key = hash('sha256', `${client} ${digest}`, 'base64');
  const isRepeated = wholeReads.has(key);
  wholeReads.set(key, true);
  return isRepeated;
}

/**
 * Returns the stored blob. A blob that was never hashed is hashed now if its size differs from the manifest, or if one piece
 * holds it whole. If it is damaged, it can still be fetched from the upstream, because no byte was sent.
 */
async function findCredible(
  deps: OpenBlobDeps,
  { intent, signal }: BlobRequest,
  link: Link | undefined,
  stored: BlobRecord | undefined,
) {
  if (stored === undefined || stored.verified) return stored;
  const isDoubtful = link?.size !== undefined && link.size !== stored.size;
  const isOnePiece = intent !== 'stat' && stored.size <= chunkBytes;
  if (!isDoubtful && !isOnePiece) return stored;
  const proven = await ifStoreAvailable(deps.log, async () => (await proveStored(deps, stored, signal)).record);
  // A small blob keeps its unverified record for this request. So the first read of a blob from another cache gets no URL.
  return isDoubtful ? proven : proven && stored;
}

interface FoundBlob {
  readonly source: RepositoryKey;
  readonly size: number;
  readonly cache: CacheResult;
  /** The fill that fetches the blob. */
  readonly following?: FollowedFill;
  /** True if stored bytes are checked while they are read. */
  readonly checked?: boolean;
  /**
   * True if a client may read the blob directly from the store, because the blob is verified. A repeated read is checked here
   * instead.
   */
  readonly locatable?: boolean;
}

function opened(deps: OpenBlobDeps, { digest, intent, signal }: BlobRequest, found: FoundBlob): OpenedBlob {
  const { size, cache, following, checked = false } = found;
  const { upstream, repository } = found.source;
  assertNotEmptied(digest, size);
  const stored = cache === 'HIT';
  return {
    digest,
    size,
    cache,
    async read(range: ByteRange = { start: 0, end: size - 1 }): Promise<BlobStream> {
      const verified = range.end - range.start >= smallRangeBytes || range.end - range.start + 1 >= size;
      const source = createBlobSource(deps, {
        digest,
        size,
        stored,
        following,
        verified,
        checked,
        source: { upstream, repository },
      });
      // Reads of a fill are shared only within its repository, because a failure of the fill may concern only that repository.
      const key = `${digest} ${stored ? '' : `${upstream}/${repository}`} ${verified ? '' : 'range'} ${checked ? 'checked' : ''}`;
      const reader = deps.reads.attach(key, source, range.start, range.end + 1);
      await untilReady(reader, signal);
      const isFetched = cache === 'MISS' && intent === 'whole';
      return { cache: isFetched ? cache : resultOf(source, cache), next: reader.next, close: reader.close };
    },
    ...(found.locatable === true && locateStored(deps, digest, size)),
  };
}

async function untilReady(reader: SharedReader, signal: AbortSignal | undefined): Promise<void> {
  const onAbort = () => reader.close();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    signal?.throwIfAborted();
    await reader.ready();
  } catch (error) {
    reader.close();
    throw signal?.aborted ? signal.reason : error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

/**
 * Returns the result for the source. A source without an origin was never opened, because its reader shares the source of
 * another reader. Then the result from opening the blob counts.
 */
function resultOf({ origin }: BlobSource, before: CacheResult): CacheResult {
  if (origin === undefined) return before === 'MISS' ? 'JOINED' : before;
  return ({ stored: 'HIT', joined: 'JOINED', fetched: 'MISS' } as const)[origin];
}

/**
 * Finds the repository's own link, or the link of the repository with the same name at another upstream, if the caller may pull
 * it there. The stargz snapshotter needs this, because it sends the upstream (`ns`) only with requests for manifests, not for
 * layers.
 */
async function findHolder(deps: OpenBlobDeps, request: BlobRequest): Promise<Link | undefined> {
  const { index, storedLinks, log } = deps;
  const { target, digest } = request;
  const { repository } = target;
  const own = await ifStoreAvailable(log, () => findLink(deps, target, digest, 'blob'));
  if (own !== undefined) return own;
  const permitted = new Map<string, AuthorizedRepository>();
  for (const upstream of deps.sharedUpstreams()) {
    const other = upstream === target.upstream ? undefined : target.at(upstream);
    if (other !== undefined) permitted.set(upstream, other);
  }
  if (permitted.size === 0) return undefined;
  const others = [...permitted.keys()];
  const [indexed] = await index.links.holders(others, repository, digest);
  const holder = indexed ?? (await ifStoreAvailable(log, () => storedLinks.findAmong(others, repository, digest)));
  const rule = holder && permitted.get(holder.upstream)?.platformRule;
  const isDenied = rule !== undefined && (await deps.findDenial(holder!, digest, rule)) !== undefined;
  if (holder === undefined || isDenied) return undefined;
  return confirm(deps, request, holder).catch(async (error: unknown) => {
    // After a refusal by the other upstream, only the upstream of the request counts.
    if (isNo(error)) return undefined;
    return statUpstream(deps, request, undefined).catch((answer: unknown) => {
      // The other upstream may still have the blob, so its failure is the result.
      throw isNo(answer) ? error : answer;
    });
  });
}

/** Returns whether the upstream does not have the blob, or denies it to this cache. */
function isNo(error: unknown): boolean {
  return isCacheError(error, 'blob-unknown', 'name-unknown', 'denied', 'upstream-refused-us');
}

/**
 * Resolves to the link after the upstream has confirmed that the repository holds the blob. A manifest that lists the blob is
 * not enough.
 */
async function confirm(deps: OpenBlobDeps, request: BlobRequest, link: Link | undefined): Promise<Link> {
  const known = link && (await ifStoreAvailable(deps.log, () => ifConfirmed(deps, link)));
  return known ?? statUpstream(deps, request, link);
}

/** Confirms the blob by a HEAD at the upstream. Resolves to the confirmed link. */
async function statUpstream(deps: OpenBlobDeps, request: BlobRequest, link: Link | undefined): Promise<Link> {
  const { target, digest, signal } = request;
  const { upstream, repository } = link ?? target;
  await deps.requestFromWorker('stat-blob', { upstream, repository, digest }, { subject: digest, signal });
  const confirmed = await deps.index.links.get({ upstream, repository }, digest, { fresh: true });
  return confirmed ?? { upstream, repository, digest, kind: 'blob' };
}

/**
 * Creates `locate`, which resolves to a URL at which a client reads a stored blob directly. Cistern cannot handle a failure of
 * that read, so `locate` first checks that the store has the blob. `size` is the size of the verified blob.
 */
function locateStored({ store, presignForMs }: OpenBlobDeps, digest: Digest, size: number): Pick<OpenedBlob, 'locate'> {
  if (presignForMs === undefined || store.presign === undefined) return {};
  const presign = store.presign;
  return {
    async locate() {
      try {
        if ((await store.stat(digest))?.size !== size) return undefined;
        return await presign(digest, { expiresMs: presignForMs });
      } catch (error) {
        if (isCacheError(error, 'store-unavailable')) return undefined;
        throw error;
      }
    },
  };
}
