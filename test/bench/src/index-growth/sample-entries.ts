// Creates numbered entries like those of a fleet's caches: images of services that are often rebuilt, with distinct
// layers.
import { createHash } from 'node:crypto';
import type { BlobRecord, Link, ManifestRecord, RepositoryKey, TagRecord } from '@cistern/index';
import { type Digest, mediaTypes, parseRepositoryName, parseTag } from '@cistern/oci';

/** So many that Redis does not store the links or tags of a repository in its format for small tables. */
export const entriesPerRepository = 250;

/** A store lists its blobs by the first two digits of their digests. */
const shards = 256;

const startMs = 1_760_000_000_000;
const layer = 'application/vnd.oci.image.layer.v1.tar+gzip';

export function repositoryOf(number: number): RepositoryKey {
  const name = `library/service-${String(Math.floor(number / entriesPerRepository)).padStart(4, '0')}`;
  return { upstream: 'docker.io', repository: parseRepositoryName(name) };
}

export function blobOf(number: number): BlobRecord {
  const digest = digestFor('blob', number);
  const [storedAtMs, lastPulledAtMs] = [startMs + number, startMs + number + 86_400_000];
  return { schema: 1, digest, size: sizeOf(number), state: 'present', verified: true, storedAtMs, lastPulledAtMs };
}

/** Yields the numbers below `entries` of the blobs that the store lists for `shard`, two hexadecimal digits. */
export function* numbersOfShard(shard: string, entries: number): Generator<number> {
  for (let number = Number.parseInt(shard, 16); number < entries; number += shards) yield number;
}

export function linkOf(number: number): Link {
  const digest = digestFor('blob', number);
  return { ...repositoryOf(number), digest, kind: 'blob', size: sizeOf(number), mediaType: layer };
}

export function tagOf(number: number): TagRecord {
  const atMs = startMs + number;
  return {
    ...repositoryOf(number),
    schema: 1,
    tag: parseTag(`build-${number}`),
    digest: digestFor('manifest', number),
    mediaType: mediaTypes.ociManifest,
    size: 1200 + (number % 2000),
    sequence: 1,
    firstSeenAtMs: atMs,
    changedAtMs: atMs,
    checkedAtMs: atMs + 3_600_000,
    lastPulledAtMs: atMs + 86_400_000,
    pulls: number % 500,
    lastTriedAtMs: atMs + 3_600_000,
    origin: 'upstream',
  };
}

export function manifestOf(number: number): ManifestRecord {
  const { digest, mediaType, size, firstSeenAtMs } = tagOf(number);
  return { schema: 1, digest, mediaType, size, storedAtMs: firstSeenAtMs };
}

/** The first two digits count, so that the blobs of a shard are known without a search. */
function digestFor(kind: string, number: number): Digest {
  const hash = createHash('sha256').update(`${kind} ${number}`).digest('hex');
  return `sha256:${(number % shards).toString(16).padStart(2, '0')}${hash.slice(2)}` as Digest;
}

function sizeOf(number: number): number {
  return 100_000 + ((number * 7919) % 80_000_000);
}
