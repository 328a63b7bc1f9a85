// One blob for one client: who may have it, whether it is here, and a stream that all its readers share.
import { hash } from 'node:crypto';
import { type BlobRecord, type Link, type RepositoryKey, isSameRepository } from '@cistern/index';
import { isCacheError } from '@cistern/errors';
import type { ByteRange, Digest } from '@cistern/oci';
import type { Recent } from '@cistern/runtime';
import type { RequestFromWorker } from '../requests/request-from-worker.ts';
import {
  ifStoreAnswers,
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
  /** Which client has read which blob whole within the last minute, on this node. */
  readonly wholeReads: Recent<string, true>;
  /**
   * Upstreams that do not verify callers (`access: verify`). A digest linked there is found under another upstream's name, for a
   * caller that may pull that repository there.
   */
  readonly sharedUpstreams: readonly string[];
  readonly findDenial: FindDenial;
  /** How long a URL of the store is valid; `undefined`: clients get none. */
  readonly presignForMs?: number | undefined;
}

/** What a lazy puller probes. A cold range of up to this size is served as it comes, before the whole is verified. */
const smallRangeBytes = 4 * 1024 * 1024;

export async function openBlob(deps: OpenBlobDeps, request: BlobRequest): Promise<OpenedBlob> {
  const { target, digest, intent, client, signal } = request;
  // At once: a cold blob waits for the store twice otherwise.
  const [link, found] = await Promise.all([
    findHolder(deps, request),
    ifStoreAnswers(deps.log, () => findStoredBlob(deps, digest)),
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
    // Upstream's answer to a fill for this repository says that it holds the blob; its answer to any other does not.
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
 * Notes that `client` reads the blob whole. True: it did so within the last minute, too, and may not have liked the answer.
 * docker does that after a wrong digest.
 */
function noteWholeRead({ wholeReads }: OpenBlobDeps, client: string | undefined, digest: Digest): boolean {
  if (client === undefined) return false;
  const key = hash('sha256', `${client} ${digest}`, 'base64');
  const isRepeated = wholeReads.has(key);
  wholeReads.set(key, true);
  return isRepeated;
}

/**
 * What is stored, unless it was never hashed and either has another size than the manifest says, or is read in one piece, before
 * whose first byte it can still be had from upstream: then its bytes decide.
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
  const proven = await ifStoreAnswers(deps.log, async () => (await proveStored(deps, stored, signal)).record);
  // What another cache left is read here first, even so.
  return isDoubtful ? proven : proven && stored;
}

interface FoundBlob {
  readonly source: RepositoryKey;
  readonly size: number;
  readonly cache: CacheResult;
  /** The fill that brings it. */
  readonly following?: FollowedFill;
  /** What is in the store is checked while it is read. */
  readonly checked?: boolean;
  /** Clients may go to the store for it: it has been hashed. One that asks again goes by the check instead. */
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
      // What goes wrong with a fill may concern its repository alone: others do not share a read of it.
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

/** A reader that shares another's read has opened no source: what was said when the blob was opened holds. */
function resultOf({ origin }: BlobSource, before: CacheResult): CacheResult {
  if (origin === undefined) return before === 'MISS' ? 'JOINED' : before;
  return ({ stored: 'HIT', joined: 'JOINED', fetched: 'MISS' } as const)[origin];
}

/**
 * The repository's own link, or that of the repository of the same name at another upstream where this caller may pull it:
 * stargz names the upstream (`ns`) when it asks for a manifest, and not when it asks for a layer.
 */
async function findHolder(deps: OpenBlobDeps, request: BlobRequest): Promise<Link | undefined> {
  const { index, storedLinks, log } = deps;
  const { target, digest } = request;
  const { repository } = target;
  const own = await ifStoreAnswers(log, () => findLink(deps, target, digest, 'blob'));
  if (own !== undefined) return own;
  const permitted = new Map<string, AuthorizedRepository>();
  for (const upstream of deps.sharedUpstreams) {
    const other = upstream === target.upstream ? undefined : target.at(upstream);
    if (other !== undefined) permitted.set(upstream, other);
  }
  if (permitted.size === 0) return undefined;
  const others = [...permitted.keys()];
  const [indexed] = await index.links.holders(others, repository, digest);
  const holder = indexed ?? (await ifStoreAnswers(log, () => storedLinks.findAmong(others, repository, digest)));
  const rule = holder && permitted.get(holder.upstream)?.platformRule;
  const isDenied = rule !== undefined && (await deps.findDenial(holder!, digest, rule)) !== undefined;
  if (holder === undefined || isDenied) return undefined;
  return confirm(deps, request, holder).catch(async (error: unknown) => {
    // Then the named upstream alone counts.
    if (isNo(error)) return undefined;
    return statUpstream(deps, request, undefined).catch((answer: unknown) => {
      // The other one may still have it, once it can be asked.
      throw isNo(answer) ? error : answer;
    });
  });
}

/** An upstream says that it does not have the blob, or not for this cache. */
function isNo(error: unknown): boolean {
  return isCacheError(error, 'blob-unknown', 'name-unknown', 'denied', 'upstream-refused-us');
}

/** The link, once the upstream of its repository has said that it holds the blob: a manifest's word opens nothing. */
async function confirm(deps: OpenBlobDeps, request: BlobRequest, link: Link | undefined): Promise<Link> {
  const known = link && (await ifStoreAnswers(deps.log, () => ifConfirmed(deps, link)));
  return known ?? statUpstream(deps, request, link);
}

/** By HEAD. */
async function statUpstream(deps: OpenBlobDeps, request: BlobRequest, link: Link | undefined): Promise<Link> {
  const { target, digest, signal } = request;
  const { upstream, repository } = link ?? target;
  await deps.requestFromWorker('stat-blob', { upstream, repository, digest }, { subject: digest, signal });
  const confirmed = await deps.index.links.get({ upstream, repository }, digest, { fresh: true });
  return confirmed ?? { upstream, repository, digest, kind: 'blob' };
}

/**
 * The place where a client may read a stored blob by itself. No node can mend that read on the way, so the store is asked first.
 * `size`: of the verified blob.
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
