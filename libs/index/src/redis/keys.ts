// All keys and channels of the index. The text in braces is the hash tag. Keys with the same tag are in the same slot
// of a cluster, so that a script may use them together.
import { createHash } from 'node:crypto';
import type { Digest } from '@cistern/oci';
import type { AuditKind } from '../audit.ts';
import type { RepositoryKey } from '../links.ts';
import type { Ranking } from '../popularity.ts';
import type { TagKey } from '../tags.ts';
import { repositoryPath } from '../records.ts';
import { packDigest } from './record-format.ts';

const hexDigits = Array.from({ length: 16 }, (_, digit) => digit.toString(16));

export type Keys = ReturnType<typeof createKeys>;

/**
 * In a cluster, blobs, manifests and fills have 16 hash tags, by the first hexadecimal digit of their digest. Otherwise
 * they have one (decision 0059). Throws `TypeError` for a prefix with a brace, which would replace the hash tags.
 */
export function createKeys(prefix: string, { isCluster }: { readonly isCluster: boolean }) {
  if (/[{}]/.test(prefix)) throw new TypeError(`the key prefix "${prefix}" must not contain a brace`);
  const shardTagOf = (digest: Digest) => (isCluster ? firstDigits(digest, 1) : 'all');
  const shard = (tag: string) => `${prefix}{b:${tag}}:`;
  const shardOf = (digest: Digest) => shard(shardTagOf(digest));
  const shardKeys = (tag: string) => ({
    /** Sorted set: packed digests by the time of their last pull. */
    leastRecent: `${shard(tag)}recent`,
    /** Hash with `blobs` and `bytes`. */
    total: `${shard(tag)}sums`,
    /**
     * The time when a claim first missed this key, in milliseconds of Redis. Earlier fills of the shard may have been
     * lost.
     */
    settling: `${shard(tag)}settling`,
    /** The `settling` value for which a rebuild has ended. */
    complete: `${shard(tag)}rebuilt`,
  });
  const repository = (key: RepositoryKey) => `${prefix}{r:${repositoryPath(key)}}:`;
  const listing = (hexDigit: string) => `${prefix}{l:${hexDigit}}:repositories`;
  return {
    /** Hash. The key is short, because there are millions. */
    blob: (digest: Digest) => `${shardOf(digest)}b:${packDigest(digest)}`,
    /** Hash, in the slot of the blob. */
    fill: (digest: Digest) => `${shardOf(digest)}fill:${digest}`,
    /** Hash, in another slot. Releases up to 0.1.0 read and write the fill here. */
    olderFill: (digest: Digest) => `${shard(firstDigits(digest, 2))}fill:${digest}`,
    /** Hash, in the slot of the blob. */
    manifest: (digest: Digest) => `${shardOf(digest)}m:${packDigest(digest)}`,
    shardOf: (digest: Digest) => shardKeys(shardTagOf(digest)),
    /** All shards. */
    shards: (isCluster ? hexDigits : ['all']).map(shardKeys),
    /** Hash. */
    tag: (key: TagKey) => `${repository(key)}t:${key.tag}`,
    /** Sorted set of the tags' names, in the same slot as the tags. */
    tags: (key: RepositoryKey) => `${repository(key)}tags`,
    /** Hash of links by packed digest, in the same slot as the tags. */
    links: (key: RepositoryKey) => `${repository(key)}digests`,
    /** Sorted set of repository paths; one of `listings`. */
    listingOf: (key: RepositoryKey) => listing(hash(repositoryPath(key)).slice(0, 1)),
    listings: hexDigits.map(listing),
    /** Set of the marks of a rebuild. The epoch is hashed because its name is long. */
    rebuildMarks: (epoch: string) => `${prefix}{e}:rebuild-marks:${hash(epoch)}`,
    /** String with the owner. */
    lease: (name: string) => `${prefix}{v:${hash(name).slice(0, 2)}}:lease:${name}`,
    /** String. */
    value: (name: string) => `${prefix}{v:${hash(name).slice(0, 2)}}:value:${name}`,
    /** Sorted set of names. Both rankings are in one slot. */
    popular: (ranking: Ranking) => `${prefix}{p}:popular-${ranking}:1`,
    /**
     * Keys of node reports, in one slot. Hashes: reports by node, counts by name. Sorted sets: nodes and workers by
     * expiry time.
     */
    nodes: {
      reports: `${prefix}{n}:reports`,
      ends: `${prefix}{n}:ends`,
      counts: `${prefix}{n}:counts`,
      workers: `${prefix}{n}:workers`,
    },
    /** Keys of the audit, in one slot. String: the number of entries so far. Streams: the entries that are kept. */
    audit: { sequence: `${prefix}{u}:audit-sequence`, entries: (kind: AuditKind) => `${prefix}{u}:audit-${kind}s` },
    /** Few hash tags serve many topics, so that the client soon knows the node of each. */
    channel: (topic: string) => `${prefix}{a:${hash(topic).slice(0, 2)}}:${topic}`,
  };
}

function firstDigits(digest: Digest, count: number): string {
  const start = digest.indexOf(':') + 1;
  return digest.slice(start, start + count);
}

function hash(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}
