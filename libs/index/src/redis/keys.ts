// All keys and channels of the index in Redis. The text in braces is the hash tag. Keys with the same hash tag are in
// the same hash slot of a Redis Cluster, so that one script can use them together.
import { createHash } from 'node:crypto';
import type { Digest } from '@cistern/oci';
import type { AuditKind } from '../audit.ts';
import type { RepositoryKey } from '../links.ts';
import type { HistoryRange } from '../nodes.ts';
import type { Ranking } from '../popularity.ts';
import type { TagKey } from '../tags.ts';
import { repositoryPath } from '../records.ts';
import { packDigest } from './record-format.ts';

const hexDigits = Array.from({ length: 16 }, (_, digit) => digit.toString(16));

export type Keys = ReturnType<typeof createKeys>;

/**
 * In a Redis Cluster, blobs, manifests and fills are divided into 16 shards, by the first hexadecimal digit of their
 * digest. Each shard has one hash tag. Otherwise there is one shard (decision 0059). Throws `TypeError` for a prefix
 * with a brace, because it would change the hash tags.
 */
export function createKeys(prefix: string, { isCluster }: { readonly isCluster: boolean }) {
  if (/[{}]/.test(prefix)) throw new TypeError(`the key prefix "${prefix}" must not contain a brace`);
  const shardTagOf = (digest: Digest) => (isCluster ? firstDigits(digest, 1) : 'all');
  const shard = (tag: string) => `${prefix}{b:${tag}}:`;
  const shardOf = (digest: Digest) => shard(shardTagOf(digest));
  const shardKeys = (tag: string) => ({
    /** Sorted set of packed digests, by the time of their last pull. */
    leastRecent: `${shard(tag)}recent`,
    /** Hash with `blobs` and `bytes`. */
    total: `${shard(tag)}sums`,
    /**
     * String: the time in milliseconds when a claim or a rebuild first found this key missing, and set it. Fills of the
     * shard from before this time may have been lost.
     */
    settling: `${shard(tag)}settling`,
    /** String: the value of `settling` at the beginning of the last rebuild that has ended. */
    complete: `${shard(tag)}rebuilt`,
    /** String: written to find out whether the servers of all shards take new records. */
    check: `${shard(tag)}check`,
  });
  const repository = (key: RepositoryKey) => `${prefix}{r:${repositoryPath(key)}}:`;
  const listing = (hexDigit: string) => `${prefix}{l:${hexDigit}}:repositories`;
  return {
    /** Hash. The key is short, because there are millions of these keys. */
    blob: (digest: Digest) => `${shardOf(digest)}b:${packDigest(digest)}`,
    /** Hash, in the hash slot of the blob. */
    fill: (digest: Digest) => `${shardOf(digest)}fill:${digest}`,
    /** Hash, in another hash slot. Releases up to 0.1.0 read and write the fill under this key. */
    olderFill: (digest: Digest) => `${shard(firstDigits(digest, 2))}fill:${digest}`,
    /** Hash, in the hash slot of the blob. */
    manifest: (digest: Digest) => `${shardOf(digest)}m:${packDigest(digest)}`,
    shardOf: (digest: Digest) => shardKeys(shardTagOf(digest)),
    /** All shards. */
    shards: (isCluster ? hexDigits : ['all']).map(shardKeys),
    /** Hash. */
    tag: (key: TagKey) => `${repository(key)}t:${key.tag}`,
    /** Sorted set of the names of tags, in the same hash slot as the tags. */
    tags: (key: RepositoryKey) => `${repository(key)}tags`,
    /** Hash of links by packed digest, in the same hash slot as the tags. */
    links: (key: RepositoryKey) => `${repository(key)}digests`,
    /** Sorted set of the paths of repositories; one of `listings`. */
    listingOf: (key: RepositoryKey) => listing(hash(repositoryPath(key)).slice(0, 1)),
    listings: hexDigits.map(listing),
    /** Set of the marks of a rebuild. The epoch is hashed because its name is long. */
    rebuildMarks: (epoch: string) => `${prefix}{e}:rebuild-marks:${hash(epoch)}`,
    /** String: the owner of the lease. */
    lease: (name: string) => `${prefix}{v:${hash(name).slice(0, 2)}}:lease:${name}`,
    /** String. */
    value: (name: string) => `${prefix}{v:${hash(name).slice(0, 2)}}:value:${name}`,
    /** Sorted set of names. Both rankings are in one hash slot. */
    popular: (ranking: Ranking) => `${prefix}{p}:popular-${ranking}:1`,
    /**
     * Keys of node reports, in one hash slot. `reports` is a hash by node, and `counts` a hash by name. `ends` and
     * `workers` are sorted sets of nodes by expiry time. `history` is a hash by name for each bucket.
     */
    nodes: {
      reports: `${prefix}{n}:reports`,
      ends: `${prefix}{n}:ends`,
      counts: `${prefix}{n}:counts`,
      workers: `${prefix}{n}:workers`,
      history: (range: HistoryRange, atMs: number) => `${prefix}{n}:history:${range}:${atMs}`,
    },
    /**
     * Keys of the audit, in one hash slot. `sequence` is a string: the number of all entries so far. `entries` are
     * streams of the kept entries.
     */
    audit: { sequence: `${prefix}{u}:audit-sequence`, entries: (kind: AuditKind) => `${prefix}{u}:audit-${kind}s` },
    /**
     * Channel of a topic. All topics share 256 hash tags, so that the subscriber soon knows the node of each hash tag.
     */
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
