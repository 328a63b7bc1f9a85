// Opens a blob for a client: authorizes the repository, finds the blob in the store or starts a fill, and shares its reads.
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
  /** Pairs of client and blob, for whole reads within the last minute on this node. */
  readonly wholeReads: Recent<string, true>;
  /**
   * Upstreams that do not verify callers (`access: verify`). A digest linked there is also found under another upstream's name,
   * if the caller may pull that repository there.
   */
  readonly sharedUpstreams: readonly string[];
  readonly findDenial: FindDenial;
  /** How long a URL of the store is valid; `undefined` means that clients get no URLs. */
  readonly presignForMs?: number | undefined;
}

/** Lazy pullers probe small ranges. A range of a blob that is not cached, up to this size, is served before the blob is verified. */
const smallRangeBytes = 4 * 1024 * 1024;

export async function openBlob(deps: OpenBlobDeps, request: BlobRequest): Promise<OpenedBlob> {
  const { target, digest, intent, client, signal } = request;
  // At the same time, because a blob that is not cached waits for the store twice otherwise.
  const [link, found] = await Promise.all([
    findHolder(deps, request),
    ifStoreAvailable(deps.log, () => findStoredBlob(deps, digest)),
  ]);
  const stored = await findCredible(deps, request, link, found);
  if (stored !== undefined) {
    await confirm(deps, request, link);
    await deps.index.blobs.touch(digest, deps.now());
    const isRepeated = intent === 'whole' && noteWholeRead(deps, client, digest);
    const checked = intent === 'whole' && (isRepeated || deps.readChecks.isDue(stored));
    const { size } = stored;
    const locatable = stored.verified && (!isRepeated || deps.readChecks.isJustRight(stored));
    return opened(deps, request, { source: link ?? target, size, cache: 'HIT', checked, locatable });
  }
  if (intent === 'whole') {
    const { record, joined } = await deps.follow({ digest, source: link ?? target, from: 0, signal });
    // A fill for this repository shows that it holds the blob. A fill for another repository does not.
    if (!isSameRepository(record.source, link ?? target)) await confirm(deps, request, link);
    const cache = joined ? 'JOINED' : 'MISS';
    return opened(deps, request, { source: link ?? target, size: record.size, cache, following: { record, joined } });
  }
  // The blob is not stored. A later read may get the bytes of another repository's fill.
  const hasSize = link?.size !== undefined;
  const sized = await (hasSize ? confirm(deps, request, link) : statUpstream(deps, request, link));
  if (sized.size === undefined) return openBlob(deps, { ...request, intent: 'whole' });
  const running = await deps.index.fills.read(digest);
  const joined = running?.state === 'starting' || running?.state === 'running';
  return opened(deps, request, { source: sized, size: sized.size, cache: joined ? 'JOINED' : 'MISS' });
}

/**
 * Notes that `client` reads the whole blob. Returns true if it also did within the last minute: docker repeats a read after a
 * digest mismatch.
 */
function noteWholeRead({ wholeReads }: OpenBlobDeps, client: string | undefined, digest: Digest): boolean {
  if (client === undefined) return false;
  const key = hash('sha256', `${client} ${digest}`, 'base64');
  const isRepeated = wholeReads.has(key);
  wholeReads.set(key, true);
  return isRepeated;
}

/**
 * Returns the stored blob. It hashes a blob that was never hashed if the size differs from the manifest, or if it is read in one
 * piece. A damaged one can still be fetched from the upstream then, because no byte was sent.
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
  // Returns the unverified record, so that the first read of a blob from another cache gets no URL of the store.
  return isDoubtful ? proven : proven && stored;
}

interface FoundBlob {
  readonly source: RepositoryKey;
  readonly size: number;
  readonly cache: CacheResult;
  /** The fill that fetches it. */
  readonly following?: FollowedFill;
  /** Whether stored bytes are checked while they are read. */
  readonly checked?: boolean;
  /** Whether a client may read it from the store: it is verified. A repeated read goes through the check instead. */
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
      // A fill's failure may concern only its repository, so other repositories do not share its reads.
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

/** A reader that shares another reader's source has no origin of its own. Then the result from opening the blob holds. */
function resultOf({ origin }: BlobSource, before: CacheResult): CacheResult {
  if (origin === undefined) return before === 'MISS' ? 'JOINED' : before;
  return ({ stored: 'HIT', joined: 'JOINED', fetched: 'MISS' } as const)[origin];
}

/**
 * Finds the repository's own link, or that of the same name at another upstream where the caller may pull it. The snapshotter
 * stargz needs this: it sends the upstream (`ns`) with requests for manifests, but not for layers.
 */
async function findHolder(deps: OpenBlobDeps, request: BlobRequest): Promise<Link | undefined> {
  const { index, storedLinks, log } = deps;
  const { target, digest } = request;
  const { repository } = target;
  const own = await ifStoreAvailable(log, () => findLink(deps, target, digest, 'blob'));
  if (own !== undefined) return own;
  const permitted = new Map<string, AuthorizedRepository>();
  for (const upstream of deps.sharedUpstreams) {
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
    // After a refusal there, only the named upstream counts.
    if (isNo(error)) return undefined;
    return statUpstream(deps, request, undefined).catch((answer: unknown) => {
      // The other upstream may still have it, once it is available.
      throw isNo(answer) ? error : answer;
    });
  });
}

/** Returns whether the upstream does not have the blob, or denies it to this cache. */
function isNo(error: unknown): boolean {
  return isCacheError(error, 'blob-unknown', 'name-unknown', 'denied', 'upstream-refused-us');
}

/** Returns the link once the upstream has confirmed that the repository holds the blob. A manifest that lists it is not enough. */
async function confirm(deps: OpenBlobDeps, request: BlobRequest, link: Link | undefined): Promise<Link> {
  const known = link && (await ifStoreAvailable(deps.log, () => ifConfirmed(deps, link)));
  return known ?? statUpstream(deps, request, link);
}

/** Confirms by HEAD, and returns the confirmed link. */
async function statUpstream(deps: OpenBlobDeps, request: BlobRequest, link: Link | undefined): Promise<Link> {
  const { target, digest, signal } = request;
  const { upstream, repository } = link ?? target;
  await deps.requestFromWorker('stat-blob', { upstream, repository, digest }, { subject: digest, signal });
  const confirmed = await deps.index.links.get({ upstream, repository }, digest, { fresh: true });
  return confirmed ?? { upstream, repository, digest, kind: 'blob' };
}

/**
 * Creates `locate`, which resolves to a URL at which a client reads a stored blob directly. No node can fix a failure of that
 * read, so `locate` checks the store first. `size` is that of the verified blob.
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
