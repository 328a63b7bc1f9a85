// A few names and values, so that the calls of a sequence affect each other.
import type { RepositoryKey } from '@cistern/index';
import { digestOf, mediaTypes, parseRepositoryName, type Digest } from '@cistern/oci';
import fc from 'fast-check';

/** Two digests of one shard, and one of another algorithm. */
export const digests: readonly Digest[] = [...twoOfOneShard(), digestOf(Buffer.from('other'), 'sha512')];
export const digest = fc.constantFrom(...digests);

export const upstreams = ['docker.io', 'quay.io'] as const;
export const upstream = fc.constantFrom(...upstreams);
export const repositories = ['library/app', 'library/app/a'].map(parseRepositoryName);
export const repository = fc.constantFrom(...repositories);
export const repositoryKeys: readonly RepositoryKey[] = upstreams.flatMap((name) =>
  repositories.map((one) => ({ upstream: name, repository: one })),
);
export const repositoryKey = fc.constantFrom(...repositoryKeys);

/** Media types that Redis stores as a code, and some that look like a code. */
export const mediaType = fc.constantFrom(mediaTypes.ociManifest, 'application/json', '/a', '');
export const size = fc.constantFrom(0, 7, 50_000_000_000);
/** File system times are not whole milliseconds. */
export const time = fc.constantFrom(1000, 2000, 2000.5, 0);
export const owner = fc.constantFrom('one', 'two');
/** A lease either outlives the sequence or ends before the next call. */
export const leaseMs = fc.constantFrom(600_000, 1);
export const limit = fc.constantFrom(1000, 1, 2, 0);

function twoOfOneShard(): [Digest, Digest] {
  const byShard = new Map<string, Digest>();
  for (let seed = 0; ; seed += 1) {
    const found = digestOf(Buffer.from(String(seed)), 'sha256');
    const shard = found.slice(0, 'sha256:00'.length);
    const other = byShard.get(shard);
    if (other !== undefined) return [other, found];
    byShard.set(shard, found);
  }
}
