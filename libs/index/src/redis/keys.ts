// Every key and channel of the index. What is in braces is the hash tag: keys with the same one are in the same slot of a
// cluster, so that a script may use them together.
import { createHash } from 'node:crypto';
import type { Digest } from '@cistern/oci';
import type { AuditKind } from '../audit.ts';
import type { RepositoryKey } from '../links.ts';
import type { Ranking } from '../popularity.ts';
import { repositoryPath } from '../names.ts';
import { packDigest } from './record-format.ts';

const hexBytes = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const hexDigits = Array.from({ length: 16 }, (_, digit) => digit.toString(16));

/** The blobs whose digest begins with the same two hex digits. */
interface BlobShardKeys {
  /** Sorted set: packed digests by when they were last pulled. */
  readonly leastRecent: string;
  /** Hash: `blobs` and `bytes`. */
  readonly total: string;
  /** When somebody first missed this key, in milliseconds of Redis: fills of the shard may have been lost before. */
  readonly settling: string;
  /** The `settling` for which a rebuild has ended. */
  readonly complete: string;
}

export interface Keys {
  /** Hash. */
  blob(digest: Digest): string;
  /** Hash, in the slot of the blob. */
  fill(digest: Digest): string;
  /** Hash, in the slot of the blob. */
  manifest(digest: Digest): string;
  shardOf(digest: Digest): BlobShardKeys;
  /** By its two hexadecimal digits. */
  shardNamed(hex: string): BlobShardKeys;
  /** All 256, which are on all nodes of a cluster. */
  readonly shards: readonly BlobShardKeys[];
  /** Hash. */
  tag(key: RepositoryKey, tag: string): string;
  /** Sorted set of the tags' names, in the slot of the tags. */
  tags(key: RepositoryKey): string;
  /** Hash: links by packed digest, in the slot of the tags. */
  links(key: RepositoryKey): string;
  /** Sorted set of repository paths: one of `listings`. */
  listingOf(key: RepositoryKey): string;
  readonly listings: readonly string[];
  /** String: the owner. */
  lease(name: string): string;
  /** String. */
  value(name: string): string;
  /** Sorted set of names; both are in one slot. */
  popular(ranking: Ranking): string;
  /** In one slot. Hash: reports by node; sorted set: nodes by when they are forgotten; hash: counts by name. */
  readonly nodes: { readonly reports: string; readonly ends: string; readonly counts: string };
  /** In one slot. String: how many entries there were; streams of those that are left. */
  readonly audit: { readonly sequence: string; entries(kind: AuditKind): string };
  /** Few hash tags for many topics, so that it is soon known which node has which. */
  channel(topic: string): string;
}

/** Throws `TypeError` for a prefix with a brace, which would take the place of the hash tags. */
export function createKeys(prefix: string): Keys {
  if (/[{}]/.test(prefix)) throw new TypeError(`the key prefix "${prefix}" must not hold a brace`);
  const shard = (hex: string) => `${prefix}{b:${hex}}:`;
  const shardKeys = (hex: string) => ({
    leastRecent: `${shard(hex)}recent`,
    total: `${shard(hex)}sums`,
    settling: `${shard(hex)}settling`,
    complete: `${shard(hex)}rebuilt`,
  });
  const repository = (key: RepositoryKey) => `${prefix}{r:${repositoryPath(key)}}:`;
  const listing = (hexDigit: string) => `${prefix}{l:${hexDigit}}:repositories`;
  return {
    // Short where there are millions.
    blob: (digest) => `${shard(firstByte(digest))}b:${packDigest(digest)}`,
    fill: (digest) => `${shard(firstByte(digest))}fill:${digest}`,
    manifest: (digest) => `${shard(firstByte(digest))}m:${packDigest(digest)}`,
    shardOf: (digest) => shardKeys(firstByte(digest)),
    shardNamed: shardKeys,
    shards: hexBytes.map(shardKeys),
    tag: (key, tag) => `${repository(key)}t:${tag}`,
    tags: (key) => `${repository(key)}tags`,
    links: (key) => `${repository(key)}digests`,
    listingOf: (key) => listing(hash(repositoryPath(key)).slice(0, 1)),
    listings: hexDigits.map(listing),
    lease: (name) => `${prefix}{v:${hash(name).slice(0, 2)}}:lease:${name}`,
    value: (name) => `${prefix}{v:${hash(name).slice(0, 2)}}:value:${name}`,
    popular: (ranking) => `${prefix}{p}:popular-${ranking}:1`,
    nodes: { reports: `${prefix}{n}:reports`, ends: `${prefix}{n}:ends`, counts: `${prefix}{n}:counts` },
    audit: { sequence: `${prefix}{u}:audit-sequence`, entries: (kind) => `${prefix}{u}:audit-${kind}s` },
    channel: (topic) => `${prefix}{a:${hash(topic).slice(0, 2)}}:${topic}`,
  };
}

function firstByte(digest: Digest): string {
  const hexAt = digest.indexOf(':') + 1;
  return digest.slice(hexAt, hexAt + 2);
}

function hash(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}
