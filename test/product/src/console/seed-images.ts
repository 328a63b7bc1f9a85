// Fills an index and a store with images. Most are an image index with one of its platforms, some an index alone, and some
// are stale. So a console with many images can be measured.
import { createHash } from 'node:crypto';
import { type BlobStore, putBytes } from '@cistern/blob-store';
import type { CacheIndex } from '@cistern/index';
import { type Digest, digestOf, mediaTypes, parseRepositoryName, parseTag } from '@cistern/oci';

export interface SeededImages {
  readonly index: CacheIndex;
  readonly store: BlobStore;
  readonly count: number;
  /** How many image indexes are in the store. The others are only in the index. Default: 4,000. */
  readonly stored?: number;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

const tagsPerRepository = 10;
/** How many images are added in parallel. */
const atOnce = 200;
const minute = 60_000;
const words = ['api', 'web', 'worker', 'batch', 'proxy', 'auth', 'search', 'mail', 'report', 'cache'];
const known = ['library/nginx', 'library/postgres', 'library/redis', 'grafana/grafana', 'prom/prometheus'];

/** Adds images, and marks the index as complete, so that nothing rebuilds it. */
export async function seedImages({ index, store, count, stored = 4_000, nowMs }: SeededImages): Promise<void> {
  const epoch = await index.epoch.current();
  for (let first = 0; first < count; first += atOnce) {
    const numbers = Array.from({ length: Math.min(atOnce, count - first) }, (_, at) => first + at);
    await Promise.all(numbers.map((number) => addImage({ index, store, nowMs }, number, number < stored)));
  }
  await index.epoch.markComplete(epoch);
}

/** The repositories of small caches have names that operators know. */
function repositoryOf(number: number) {
  const at = Math.floor(number / tagsPerRepository);
  const name = known[number] ?? `team-${String(at % 50).padStart(2, '0')}/${words[at % words.length]}-${at}`;
  return { upstream: at % 3 === 1 ? 'quay.io' : 'docker.io', repository: parseRepositoryName(name) };
}

async function addImage({ index, store, nowMs }: Omit<SeededImages, 'count'>, number: number, isStored: boolean) {
  const key = repositoryOf(number);
  const manifest = digestFor('manifest', number);
  const children = ['amd64', 'arm64'].map((architecture, at) => ({
    mediaType: mediaTypes.ociManifest,
    digest: at === 0 ? manifest : digestFor('arm64', number),
    size: 1200,
    platform: { os: 'linux', architecture },
  }));
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: children }));
  const digest = digestOf(bytes);
  const [layer, size] = [digestFor('layer', number), 100_000 + ((number * 7919) % 80_000_000)];
  const checkedAtMs = nowMs - (number % 7) * 3 * minute;
  const isIndexOnly = number % 9 === 4;
  const held = [
    { digest, size: bytes.length, kind: 'manifest' as const, mediaType: mediaTypes.ociIndex },
    ...(isIndexOnly
      ? []
      : [
          { digest: manifest, size: 1200, kind: 'manifest' as const, mediaType: mediaTypes.ociManifest },
          { digest: layer, size, kind: 'blob' as const, mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip' },
        ]),
  ];
  if (isStored) await putBytes(store, digest, bytes);
  const times = { storedAtMs: nowMs, lastPulledAtMs: nowMs - (number % 90) * minute };
  await Promise.all([
    index.links.put(
      key,
      held.map((one) => ({ ...key, ...one, confirmed: true })),
    ),
    ...held.map((one) =>
      index.blobs.put({ schema: 1, digest: one.digest, size: one.size, state: 'present', verified: true, ...times }),
    ),
    ...held
      .filter(({ kind }) => kind === 'manifest')
      .map((one) =>
        index.manifests.put({
          schema: 1,
          digest: one.digest,
          mediaType: one.mediaType,
          size: one.size,
          storedAtMs: nowMs,
        }),
      ),
    index.tags.put({
      ...key,
      schema: 1,
      tag: parseTag(`1.${number % tagsPerRepository}.${number % 23}`),
      digest,
      mediaType: mediaTypes.ociIndex,
      size: bytes.length,
      sequence: 1,
      firstSeenAtMs: nowMs - 86_400_000,
      changedAtMs: nowMs - 86_400_000,
      checkedAtMs,
      lastPulledAtMs: times.lastPulledAtMs,
      pulls: number % 500,
      lastTriedAtMs: checkedAtMs,
      ...(number % 11 === 6 && { lastFailure: 'upstream-timeout', lastTriedAtMs: nowMs - minute }),
      origin: 'upstream',
    }),
  ]);
  if (number % 10 === 0)
    index.popularity.countTag({ ...key, tag: parseTag(`1.0.${number % 23}`) }, 1 + ((number * 3.7) % 400));
}

function digestFor(kind: string, number: number): Digest {
  return `sha256:${createHash('sha256').update(`${kind} ${number}`).digest('hex')}` as Digest;
}
