// Runs the revalidate-tag job, which confirms a tag with the upstream and updates its record. A HEAD costs no pull. A GET also
// fetches the manifest. It records a failed try, so that other requests and nodes do not repeat the try immediately.
import { isSameConfirmation, type TagKey, type TagRecord } from '@cistern/index';
import type { JobContext, JobPayload } from '@cistern/jobs';
import { type Digest, digestOf, hasDigest, mediaTypes } from '@cistern/oci';
import type { CallOptions, UpstreamManifest } from '@cistern/upstream';
import { recentFailure, failureHoldsForMs, failureKindOf, isForgottenFor } from '../freshness/freshness.ts';
import {
  forgetTag,
  isHeldManifest,
  ifStoreAvailable,
  storeManifest,
  verifyManifest,
  readPurgeMarks,
  removeStoredTag,
  removeTag,
  writeTagObject,
} from '@cistern/content';
import { fetchManifest, checkRefused, storeOrRefuse } from './fetch-manifest.ts';
import { type WorkDeps, upstreamOf } from './work-deps.ts';

interface Confirmed {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
  readonly warning?: string | undefined;
}

/**
 * The tag's record and purge marks before the request to the upstream. If they have changed afterwards, the response may be
 * older than a purge or another job's confirmation.
 */
interface Known {
  readonly before: TagRecord | undefined;
  readonly marks: string;
}

interface Revalidation {
  /** Unset means that a client requests the tag. */
  readonly purpose?: 'prewarm';
  /** True if no client waits for the result. Then a failure is reported only in the log. */
  readonly isBehind?: boolean;
  /** See `JobContext`. A failure that another worker may not have is not recorded for the tag. */
  readonly handsOver?: JobContext['handsOver'] | undefined;
  /** Runs before the tag's record gets the new digest. If it rejects, the record does not change. */
  readonly beforeRecord?: (digest: Digest, options: CallOptions) => Promise<void>;
}

export async function revalidateTag(
  deps: WorkDeps,
  { upstream, repository, tag, by, checkedAtMs, triedAtMs }: JobPayload<'revalidate-tag'>,
  signal: AbortSignal,
  revalidation: Revalidation = {},
): Promise<null> {
  const { purpose, beforeRecord, isBehind = false, handsOver } = revalidation;
  const key = { upstream, repository, tag };
  const marks = await readPurgeMarks(deps.index, key);
  const before = await deps.index.tags.get(key, { fresh: true });
  const known = { before, marks };
  if (before !== undefined) {
    // Skips the request if another node has confirmed the tag, or failed to, since the requesting node read the record.
    if (checkedAtMs !== undefined && before.checkedAtMs > checkedAtMs) return null;
    const hasFailed = triedAtMs !== undefined && before.lastFailure !== undefined && before.lastTriedAtMs > triedAtMs;
    if (hasFailed) {
      const holdsForMs = failureHoldsForMs(before, deps.policyOf(upstream, tag), deps.now());
      throw recentFailure(upstream, before.lastFailure ?? '', holdsForMs);
    }
  }
  // Without a record there is no stale content to fall back to.
  const options: CallOptions = { signal, purpose: purpose ?? (before === undefined ? 'cold' : 'revalidate') };
  try {
    const head = by === 'head' ? await confirmByHead(deps, key, options) : undefined;
    if (head !== undefined) await fetchMoved(deps, key, head.digest, options);
    const confirmed = head ?? (await fetchByTag(deps, key, options));
    await beforeRecord?.(confirmed.digest, options);
    if (await storeOrRefuse(deps, key, [], () => recordConfirmed(deps, key, confirmed, known))) return null;
  } catch (error) {
    // A shutdown or a local failure of this worker is no failure of the tag, so it is not recorded.
    if (!signal.aborted && (await handsOver?.(error)) === undefined) {
      if (isBehind) deps.log.warn({ err: error, ...key }, 'background tag revalidation failed');
      await recordFailure(deps, key, error, known);
    }
    throw error;
  }
  // A purge or a confirmation by another job came in between. This job requests again, because it does not know which response
  // is newer.
  return revalidateTag(deps, { ...key, by }, signal, revalidation);
}

/**
 * Confirms the tag by HEAD. Resolves to `undefined` if the response does not identify the manifest, so that a GET is necessary.
 */
async function confirmByHead(deps: WorkDeps, key: TagKey, options: CallOptions): Promise<Confirmed | undefined> {
  const head = await upstreamOf(deps, key.upstream).headManifest(
    key.repository,
    { kind: 'tag', tag: key.tag },
    options,
  );
  const { digest, mediaType, size, warning } = head;
  if (digest === undefined || size === undefined || mediaType === '' || isSchema1(mediaType)) return undefined;
  return { digest, mediaType, size, warning };
}

/**
 * Fetches the manifest that a tag has moved to, before the tag's record names that manifest. If the fetch fails, the tag's
 * previous manifest is still served. That happens at Docker Hub, which counts only GETs and may reject the GET after it
 * accepted the HEAD.
 */
async function fetchMoved(deps: WorkDeps, key: TagKey, digest: Digest, options: CallOptions): Promise<void> {
  const before = await deps.index.tags.get(key);
  // A HEAD succeeds even for a manifest that this cache rejected recently, so this must be checked.
  if (before === undefined) await checkRefused(deps, key, { kind: 'digest', digest });
  if (before === undefined || before.digest === digest) return;
  const link = await deps.index.links.get(key, digest);
  if (isHeldManifest(link) && (await deps.store.stat(digest)) !== undefined) return;
  const { upstream, repository } = key;
  await fetchManifest(deps, { upstream, repository, digest }, options);
}

async function fetchByTag(deps: WorkDeps, key: TagKey, options: CallOptions): Promise<Confirmed> {
  const upstream = upstreamOf(deps, key.upstream);
  const reference = { kind: 'tag', tag: key.tag } as const;
  await checkRefused(deps, key, reference);
  const manifest = await upstream.getManifest(key.repository, reference, options);
  const digest = digestOfManifest(manifest);
  verifyManifest(deps, key.upstream, digest, manifest.bytes);
  const store = () => storeManifest(deps, key, digest, manifest);
  const { warning } = manifest;
  return { digest, warning, ...(await storeOrRefuse(deps, key, [reference, { kind: 'digest', digest }], store)) };
}

/**
 * Returns the digest that the upstream sent. Some upstreams send a digest that does not match a manifest of schema 1, with or
 * without its signatures. For such a manifest it returns the digest of the bytes.
 */
function digestOfManifest({ digest, mediaType, bytes }: UpstreamManifest): Digest {
  const isTrusted = digest !== undefined && (!isSchema1(mediaType) || hasDigest(bytes, digest));
  return isTrusted ? digest : digestOf(bytes);
}

function isSchema1(mediaType: string): boolean {
  return mediaType === mediaTypes.dockerSchema1 || mediaType === mediaTypes.dockerSchema1Signed;
}

/**
 * Records the confirmation. Resolves to false if the tag was purged or got another digest since the request; then this
 * confirmation leaves no record. Clocks of nodes are not compared. The record is replaced only if it is still the one that was
 * read.
 */
async function recordConfirmed(
  deps: WorkDeps,
  key: TagKey,
  { digest, mediaType, size, warning }: Confirmed,
  { before, marks }: Known,
): Promise<boolean> {
  const { index, now } = deps;
  const nowMs = now();
  const changed = before?.digest !== digest;
  const record: TagRecord = {
    schema: 1,
    ...key,
    digest,
    mediaType,
    size,
    sequence: (before?.sequence ?? 0) + (changed ? 1 : 0),
    firstSeenAtMs: before?.firstSeenAtMs ?? nowMs,
    changedAtMs: changed ? nowMs : before.changedAtMs,
    checkedAtMs: nowMs,
    lastPulledAtMs: before?.lastPulledAtMs ?? 0,
    pulls: before?.pulls ?? 0,
    lastTriedAtMs: nowMs,
    origin: 'upstream',
    warning,
  };
  const isNews = changed || before.origin === 'adopted';
  if (isNews) {
    const current = await index.tags.get(key, { fresh: true });
    if (!isSameConfirmation(current, before)) return current?.digest === digest;
    await storeTag(deps, record, marks);
  }
  if (await index.tags.replace(before, record)) return survivesPurge(deps, record, marks);
  const current = await index.tags.get(key, { fresh: true });
  // Another job recorded the tag first, so its record must also be the one in the store.
  if (isNews && current !== undefined) await storeTag(deps, current, marks);
  return current?.digest === digest;
}

/**
 * Writes the tag object to the store, before the caller writes the index, so that the store is never older than the index. If
 * another job has recorded a newer digest meanwhile, that record is written to the store again, because this late write may
 * have replaced it.
 */
async function storeTag(deps: WorkDeps, record: TagRecord, marks: string): Promise<void> {
  const { index, store } = deps;
  await writeTagObject(store, record);
  if ((await readPurgeMarks(index, record)) !== marks) return void (await removeStoredTag(deps, record));
  const current = await index.tags.get(record, { fresh: true });
  const isOlder = current !== undefined && current.sequence >= record.sequence && current.digest !== record.digest;
  if (isOlder) await storeTag(deps, current, marks);
}

/**
 * Removes the tag and resolves to false if a purge began before the write ended. A purge writes its mark before it removes
 * anything, so the mark is visible here.
 */
async function survivesPurge(deps: WorkDeps, record: TagRecord, marks: string): Promise<boolean> {
  if ((await readPurgeMarks(deps.index, record)) === marks) return true;
  await removeTag(deps, record);
  return false;
}

/**
 * Records a failed try, or forgets the tag if the policy says so. A confirmation that another job has recorded since the
 * request stays unchanged.
 */
async function recordFailure(deps: WorkDeps, key: TagKey, error: unknown, { before, marks }: Known): Promise<void> {
  const { index, now, policyOf } = deps;
  if (before === undefined) return;
  if (isForgottenFor(error, policyOf(key.upstream, key.tag))) {
    // If the store is unavailable, the tag object stays there. A later pull reads it into the index again, revalidates the tag,
    // and then forgets it.
    const isForgotten = await forgetTag(deps, key, before, (write) => ifStoreAvailable(deps.log, write));
    if (isForgotten) deps.log.info(key, 'forgot tag that upstream no longer has');
    return;
  }
  const record = { ...before, lastTriedAtMs: now(), lastFailure: failureKindOf(error) };
  if (await index.tags.replace(before, record)) await survivesPurge(deps, record, marks);
}
