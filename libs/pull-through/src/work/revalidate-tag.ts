// Job revalidate-tag: brings one tag's record up to date, by a HEAD, which costs no pull, or by a GET that brings the
// manifest too. A try that fails is recorded, so that not every request tries again.
import type { TagKey, TagRecord } from '@cistern/cache-index';
import { isCacheError } from '@cistern/errors';
import type { JobPayload } from '@cistern/jobs';
import { type Digest, digestOf, mediaTypes } from '@cistern/oci';
import { storeManifest } from '../manifest/store-manifest.ts';
import { verifyManifest } from '../manifest/verify-manifest.ts';
import { writeTagObject } from '../small-objects.ts';
import { fetchManifest } from './fetch-manifest.ts';
import { type WorkDeps, upstreamOf } from './work-deps.ts';

interface Confirmed {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
}

export async function revalidateTag(
  deps: WorkDeps,
  { upstream, repository, tag, by }: JobPayload<'revalidate-tag'>,
  signal: AbortSignal,
): Promise<null> {
  const key = { upstream, repository, tag };
  try {
    const head = by === 'head' ? await confirmByHead(deps, key, signal) : undefined;
    if (head !== undefined) await bringMoved(deps, key, head.digest, signal);
    await recordConfirmed(deps, key, head ?? (await fetchByTag(deps, key, signal)));
  } catch (error) {
    await recordFailure(deps, key, error);
    throw error;
  }
  return null;
}

/** `undefined` where the answer does not say which manifest it is: then only a GET tells. */
async function confirmByHead(deps: WorkDeps, key: TagKey, signal: AbortSignal): Promise<Confirmed | undefined> {
  const head = await upstreamOf(deps, key.upstream).headManifest(key.repository, { kind: 'tag', tag: key.tag }, signal);
  const { digest, mediaType, size } = head;
  if (digest === undefined || size === undefined || mediaType === '' || isSchema1(mediaType)) return undefined;
  return { digest, mediaType, size };
}

/**
 * The manifest that a tag has moved to is here before the tag's record names it: until then what the tag named before is
 * the better answer. Docker Hub counts a GET, and may refuse it where it let the HEAD pass.
 */
async function bringMoved(deps: WorkDeps, key: TagKey, digest: Digest, signal: AbortSignal): Promise<void> {
  const before = await deps.index.tags.get(key);
  if (before === undefined || before.digest === digest) return;
  const link = await deps.index.links.get(key, digest);
  if (link?.kind === 'manifest' && (await deps.store.stat(digest)) !== undefined) return;
  const { upstream, repository } = key;
  await fetchManifest(deps, { upstream, repository, digest }, signal);
}

async function fetchByTag(deps: WorkDeps, key: TagKey, signal: AbortSignal): Promise<Confirmed> {
  const upstream = upstreamOf(deps, key.upstream);
  const manifest = await upstream.getManifest(key.repository, { kind: 'tag', tag: key.tag }, signal);
  const digest = (isSchema1(manifest.mediaType) ? undefined : manifest.digest) ?? digestOf(manifest.bytes);
  verifyManifest(key.upstream, digest, manifest.bytes);
  const { mediaType, size } = await storeManifest(deps, key, digest, manifest);
  return { digest, mediaType, size };
}

/** Its announced digest leaves the signatures out, so it is not that of the bytes: they go by their own. */
function isSchema1(mediaType: string): boolean {
  return mediaType === mediaTypes.dockerSchema1 || mediaType === mediaTypes.dockerSchema1Signed;
}

async function recordConfirmed({ index, store, now }: WorkDeps, key: TagKey, confirmed: Confirmed): Promise<void> {
  const before = await index.tags.get(key);
  const nowMs = now();
  const changed = before?.digest !== confirmed.digest;
  const record: TagRecord = {
    schema: 1,
    ...key,
    ...confirmed,
    sequence: (before?.sequence ?? 0) + (changed ? 1 : 0),
    firstSeenAtMs: before?.firstSeenAtMs ?? nowMs,
    changedAtMs: changed ? nowMs : before.changedAtMs,
    checkedAtMs: nowMs,
    lastPulledAtMs: before?.lastPulledAtMs ?? 0,
    pulls: before?.pulls ?? 0,
    lastTriedAtMs: nowMs,
    origin: 'upstream',
  };
  if (changed || before.origin === 'adopted') await writeTagObject(store, record);
  await index.tags.put(record);
}

async function recordFailure({ index, now, metrics }: WorkDeps, key: TagKey, error: unknown): Promise<void> {
  if (isCacheError(error, 'content-mismatch')) metrics.contentMismatches.inc({ upstream: key.upstream });
  const before = await index.tags.get(key);
  if (before === undefined) return;
  const lastFailure = isCacheError(error) ? error.kind : 'unknown';
  await index.tags.put({ ...before, lastTriedAtMs: now(), lastFailure });
}
