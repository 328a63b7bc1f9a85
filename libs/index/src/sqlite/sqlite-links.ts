// Links in SQLite. The primary key begins with the repository's path, so that repositories can be listed in order.
import type { Digest } from '@cistern/oci';
import type { Link, LinkIndex, RepositoryKey } from '../links.ts';
import { checkLinksOf, repositoryKeyOf, repositoryPath } from '../records.ts';
import { inTransaction, rememberRows, type SqliteConnection } from './sqlite-connection.ts';

interface Row {
  readonly kind: Link['kind'];
  readonly size: number | null;
  readonly mediaType: string | null;
  readonly platform: string | null;
  readonly confirmed: number | null;
}

export function createSqliteLinks({ database, call }: SqliteConnection): LinkIndex {
  const select = database.prepare(
    'SELECT kind, size, media_type AS mediaType, platform, confirmed FROM links WHERE path = ? AND digest = ?',
  );
  const upsert = database.prepare(
    `INSERT INTO links (path, digest, kind, size, media_type, platform, confirmed) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (path, digest) DO UPDATE SET kind = excluded.kind, size = excluded.size, media_type = excluded.media_type,
       platform = excluded.platform,
       confirmed = CASE WHEN kind = excluded.kind THEN coalesce(excluded.confirmed, confirmed) ELSE excluded.confirmed END`,
  );
  const remove = database.prepare('DELETE FROM links WHERE path = ? AND digest = ?');
  const digests = database.prepare('SELECT digest FROM links WHERE path = ?');
  // Finds the next repository with one lookup, regardless of its number of links. DISTINCT would read all links.
  const nextPath = database.prepare('SELECT path FROM links WHERE path > ? ORDER BY path LIMIT 1');

  const remembered = rememberRows<Link>();

  function get(key: RepositoryKey, digest: Digest): Link | undefined {
    const path = repositoryPath(key);
    return remembered.get(rowKey(path, digest), () => {
      const row = select.get(path, digest) as Row | undefined;
      return row && toLink(key, digest, row);
    });
  }

  function put(key: RepositoryKey, links: readonly Link[]): void {
    const path = repositoryPath(key);
    inTransaction(database, () => {
      // If a digest occurs several times, the last link wins.
      const last = new Map(links.map((link) => [link.digest, link]));
      for (const { digest, kind, size, mediaType, platform, confirmed } of last.values()) {
        const known = confirmed === true ? 1 : null;
        upsert.run(path, digest, kind, size ?? null, mediaType ?? null, platform ?? null, known);
        remembered.drop(rowKey(path, digest));
      }
    });
  }

  function repositories(after: string, limit: number): RepositoryKey[] {
    const keys: RepositoryKey[] = [];
    for (let path = after; keys.length < limit;) {
      const row = nextPath.get(path) as { readonly path: string } | undefined;
      if (row === undefined) break;
      path = row.path;
      keys.push(repositoryKeyOf(path));
    }
    return keys;
  }

  return {
    get: (key, digest) => call(() => get(key, digest)),
    fromMemory: (key, digest) => (database.isOpen ? remembered.peek(rowKey(repositoryPath(key), digest)) : undefined),
    async put(key, links) {
      checkLinksOf(key, links);
      return call(() => put(key, links));
    },
    remove: (key, digest) =>
      call(() => {
        const path = repositoryPath(key);
        remembered.drop(rowKey(path, digest));
        return remove.run(path, digest).changes > 0;
      }),
    holders: (upstreams, repository, digest) =>
      call(() => upstreams.flatMap((upstream) => get({ upstream, repository }, digest) ?? [])),
    digests: (key) => call(() => digests.all(repositoryPath(key)).map((row) => row['digest'] as Digest)),
    repositories: ({ after = '', limit }) => call(() => repositories(after, limit)),
  };
}

function toLink({ upstream, repository }: RepositoryKey, digest: Digest, row: Row): Link {
  return {
    upstream,
    repository,
    digest,
    kind: row.kind,
    size: row.size ?? undefined,
    mediaType: row.mediaType ?? undefined,
    platform: row.platform ?? undefined,
    confirmed: row.confirmed === 1 ? true : undefined,
  };
}

function rowKey(path: string, digest: Digest): string {
  return `${path} ${digest}`;
}
