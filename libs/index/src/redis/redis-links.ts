// Links in Redis: one hash for each repository. The list of repositories is in other hash slots, so a script cannot
// update both. The list is updated after the hash.
import type { Digest } from '@cistern/oci';
import type { Link, LinkIndex, RepositoryKey } from '../links.ts';
import { linkName, checkLinksOf, repositoryKeyOf, repositoryPath } from '../records.ts';
import { packDigest, unpackDigest, packMediaType, unpackMediaType, schema } from './record-format.ts';
import type { RedisParts } from './redis-parts.ts';

export function createRedisLinks({ calls, keys, publishChanges, reportNewer }: RedisParts): LinkIndex {
  async function get(key: RepositoryKey, digest: Digest): Promise<Link | undefined> {
    const text = await calls.command((client) => client.hget(keys.links(key), packDigest(digest)));
    return text === null ? undefined : fromText(key, digest, text);
  }

  /** Returns up to `limit` paths of one listing that come after `after`. */
  async function list(listing: string, after: string | undefined, limit: number): Promise<string[]> {
    const from = after === undefined ? '-' : `(${after}`;
    return calls.command((client) => client.zrangebylex(listing, from, '+', 'LIMIT', 0, limit));
  }

  return {
    get,
    fromMemory: () => undefined,
    async put(key, links) {
      checkLinksOf(key, links);
      if (links.length === 0) return;
      // If a digest occurs several times, the last link wins.
      const texts = new Map(links.map((link) => [packDigest(link.digest), toText(link)]));
      const answer = await calls.run('put-links', [keys.links(key)], [...texts].flat());
      const [written, ...replaced] = answer as [number, ...string[]];
      if (written !== texts.size) reportNewer('link', keys.links(key));
      await publishChanges(...replaced.map((packed) => linkName(key, unpackDigest(packed))));
      // Always adds the repository to its listing, and after the links. So a concurrent `remove` that removes the
      // repository from the listing sees the links when it checks again.
      await calls.command((client) => client.zadd(keys.listingOf(key), 0, repositoryPath(key)));
    },
    async remove(key, digest) {
      const left = await calls.run('remove-link', [keys.links(key)], [packDigest(digest)]);
      if (left === 2) {
        await calls.command((client) => client.zrem(keys.listingOf(key), repositoryPath(key)));
        if ((await calls.command((client) => client.exists(keys.links(key)))) === 1)
          await calls.command((client) => client.zadd(keys.listingOf(key), 0, repositoryPath(key)));
      }
      if (left !== 0) await publishChanges(linkName(key, digest));
      return left !== 0;
    },
    async holders(upstreams, repository, digest) {
      const links = await Promise.all(upstreams.map((upstream) => get({ upstream, repository }, digest)));
      return links.filter((link) => link !== undefined);
    },
    digests: async (key) => (await calls.command((client) => client.hkeys(keys.links(key)))).map(unpackDigest),
    async repositories({ after, limit }) {
      const pages = await Promise.all(keys.listings.map((listing) => list(listing, after, limit)));
      return pages.flat().sort(compareBytes).slice(0, limit).map(repositoryKeyOf);
    },
  };
}

/**
 * Returns the schema number, a plus sign if the link is confirmed, and a JSON array of kind, size, media type and
 * platform. Unset fields at its end are omitted. Older releases ignore the plus sign.
 */
function toText({ kind, size, mediaType, platform, confirmed }: Link): string {
  const fields = [kind.slice(0, 1), size, mediaType === undefined ? undefined : packMediaType(mediaType), platform];
  return `${schema}${confirmed === true ? '+' : ''}${JSON.stringify(fields.slice(0, fields.findLastIndex((field) => field !== undefined) + 1))}`;
}

function fromText(key: RepositoryKey, digest: Digest, text: string): Link | undefined {
  const json = text.indexOf('[');
  if (Number.parseInt(text, 10) > schema) return undefined;
  type Fields = [kind: string, size?: number | null, mediaType?: string | null, platform?: string | null];
  const [kind, size, mediaType, platform] = JSON.parse(text.slice(json)) as Fields;
  return {
    upstream: key.upstream,
    repository: key.repository,
    digest,
    kind: kind === 'm' ? 'manifest' : 'blob',
    size: size ?? undefined,
    mediaType: typeof mediaType === 'string' ? unpackMediaType(mediaType) : undefined,
    platform: platform ?? undefined,
    confirmed: text[json - 1] === '+' ? true : undefined,
  };
}

/**
 * Compares names by their UTF-8 bytes, which is the order of all lists of the index. SQLite's BINARY collation and
 * Redis have this order, too. The order of JavaScript strings differs above U+FFFF.
 */
function compareBytes(one: string, two: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(two));
}
