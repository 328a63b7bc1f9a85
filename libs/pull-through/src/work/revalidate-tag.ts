// Job revalidate-tag: brings one tag's record up to date, by a HEAD, which costs no pull, or by a GET that brings the
// manifest too. A try that fails is recorded, so that neither every request nor every node tries again.
import { isSameConfirmation, type TagKey, type TagRecord } from '@cistern/index';
import type { JobContext, JobPayload } from '@cistern/jobs';
import { type Digest, digestOf, hasDigest, mediaTypes } from '@cistern/oci';
import type { CallOptions, UpstreamManifest } from '@cistern/upstream';
import { failedLately, failureHoldsForMs, failureKindOf, isForgottenFor } from '../freshness/freshness.ts';
import {
  forgetTag,
  isHeldManifest,
  ifStoreAnswers,
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

/** What was known of the tag when upstream was asked: who finds something else afterwards may know better. */
interface Known {
  readonly before: TagRecord | undefined;
  readonly marks: string;
}

interface Revalidation {
  /** Default: somebody wants to know. */
  readonly purpose?: 'prewarm';
  /** Nobody waits for it, so that only the log can report a failure. */
  readonly isBehind?: boolean;
  /** See `JobContext`: another worker may still succeed. */
  readonly handsOn?: JobContext['handsOn'] | undefined;
  /** Called before the tag's record says what it names now, which it does not where this rejects. */
  readonly bring?: (digest: Digest, options: CallOptions) => Promise<void>;
}

export async function revalidateTag(
  deps: WorkDeps,
  { upstream, repository, tag, by, checkedAtMs, triedAtMs }: JobPayload<'revalidate-tag'>,
  signal: AbortSignal,
  revalidation: Revalidation = {},
): Promise<null> {
  const { purpose, bring, isBehind = false, handsOn } = revalidation;
  const key = { upstream, repository, tag };
  const marks = await readPurgeMarks(deps.index, key);
  const before = await deps.index.tags.get(key, { fresh: true });
  const known = { before, marks };
  if (before !== undefined) {
    // Asked by another node a moment ago, it has been confirmed, or could not be, since this one looked.
    if (checkedAtMs !== undefined && before.checkedAtMs > checkedAtMs) return null;
    const hasFailed = triedAtMs !== undefined && before.lastFailure !== undefined && before.lastTriedAtMs > triedAtMs;
    if (hasFailed) {
      const holdsForMs = failureHoldsForMs(before, deps.policyOf(upstream, tag), deps.now());
      throw failedLately(upstream, before.lastFailure ?? '', holdsForMs);
    }
  }
  // Without a record nobody can be served in place of what upstream says.
  const options: CallOptions = { signal, purpose: purpose ?? (before === undefined ? 'cold' : 'revalidate') };
  try {
    const head = by === 'head' ? await confirmByHead(deps, key, options) : undefined;
    if (head !== undefined) await fetchMoved(deps, key, head.digest, options);
    const confirmed = head ?? (await fetchByTag(deps, key, options));
    await bring?.(confirmed.digest, options);
    if (await storeOrRefuse(deps, key, [], () => recordConfirmed(deps, key, confirmed, known))) return null;
  } catch (error) {
    // The end of this worker, or a failure of its own, says nothing about the tag.
    if (!signal.aborted && (await handsOn?.(error)) === undefined) {
      if (isBehind) deps.log.warn({ err: error, ...key }, 'failed to revalidate tag');
      await recordFailure(deps, key, error, known);
    }
    throw error;
  }
  // What upstream said was before the purge, or before what others have heard since: nobody knows which is newer.
  return revalidateTag(deps, { ...key, by }, signal, revalidation);
}

/** `undefined` where the answer does not say which manifest it is: then only a GET tells. */
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
 * The manifest that a tag has moved to is here before the tag's record names it: until then what the tag named before is
 * the better answer. Docker Hub counts a GET, and may refuse it where it let the HEAD pass.
 */
async function fetchMoved(deps: WorkDeps, key: TagKey, digest: Digest, options: CallOptions): Promise<void> {
  const before = await deps.index.tags.get(key);
  // A HEAD alone does not show that the manifest would be refused.
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

/** As upstream announces it. Some announce another one with a manifest of schema 1, which leaves out the signatures: then that of its bytes. */
function digestOfManifest({ digest, mediaType, bytes }: UpstreamManifest): Digest {
  const isSaid = digest !== undefined && (!isSchema1(mediaType) || hasDigest(bytes, digest));
  return isSaid ? digest : digestOf(bytes);
}

function isSchema1(mediaType: string): boolean {
  return mediaType === mediaTypes.dockerSchema1 || mediaType === mediaTypes.dockerSchema1Signed;
}

/**
 * False, and nothing is left of it, if others have purged the tag since upstream was asked, or know it by another digest. No
 * clocks are compared: the record is replaced as it was read, or not at all.
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
  if (await index.tags.replace(before, record)) return isLeft(deps, record, marks);
  const current = await index.tags.get(key, { fresh: true });
  // Others were first, by the time of a write.
  if (isNews && current !== undefined) await storeTag(deps, current, marks);
  return current?.digest === digest;
}

/**
 * Before the index, which may not tell that it was written: what the store says is never older. A write that comes late gives way
 * to what others have recorded meanwhile.
 */
async function storeTag(deps: WorkDeps, record: TagRecord, marks: string): Promise<void> {
  const { index, store } = deps;
  await writeTagObject(store, record);
  if ((await readPurgeMarks(index, record)) !== marks) return void (await removeStoredTag(deps, record));
  const current = await index.tags.get(record, { fresh: true });
  const isOlder = current !== undefined && current.sequence >= record.sequence && current.digest !== record.digest;
  if (isOlder) await storeTag(deps, current, marks);
}

/** A purge leaves its mark before it removes anything: one that is not seen after the write removes what was written. */
async function isLeft(deps: WorkDeps, record: TagRecord, marks: string): Promise<boolean> {
  if ((await readPurgeMarks(deps.index, record)) === marks) return true;
  await removeTag(deps, record);
  return false;
}

/** What others have confirmed since upstream was asked is not touched by what it said then. */
async function recordFailure(deps: WorkDeps, key: TagKey, error: unknown, { before, marks }: Known): Promise<void> {
  const { index, now, policyOf } = deps;
  if (before === undefined) return;
  if (isForgottenFor(error, policyOf(key.upstream, key.tag))) {
    // An object that an unavailable store keeps comes back into the index, is asked for again, and forgotten.
    const isForgotten = await forgetTag(deps, key, before, (write) => ifStoreAnswers(deps.log, write));
    if (isForgotten) deps.log.info(key, 'upstream no longer has a tag: it is forgotten');
    return;
  }
  const record = { ...before, lastTriedAtMs: now(), lastFailure: failureKindOf(error) };
  if (await index.tags.replace(before, record)) await isLeft(deps, record, marks);
}
