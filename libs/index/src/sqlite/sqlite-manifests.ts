// Manifest records.
import type { Digest } from '@cistern/oci';
import type { ManifestIndex } from '../manifests.ts';
import { rememberRows } from './remember-rows.ts';
import type { SqliteConnection } from './sqlite-connection.ts';

interface Row {
  readonly media_type: string;
  readonly size: number;
  readonly stored_at_ms: number;
}

export function createSqliteManifests({ database, call }: SqliteConnection): ManifestIndex {
  const select = database.prepare('SELECT media_type, size, stored_at_ms FROM manifests WHERE digest = ?');
  const upsert = database.prepare('INSERT OR REPLACE INTO manifests VALUES (?, ?, ?, ?)');
  const remove = database.prepare('DELETE FROM manifests WHERE digest = ?');

  const remembered = rememberRows<Row>();

  function get(digest: Digest) {
    const row = remembered.get(digest, () => select.get(digest) as Row | undefined);
    return (
      row && { schema: 1 as const, digest, mediaType: row.media_type, size: row.size, storedAtMs: row.stored_at_ms }
    );
  }

  return {
    get: (digest) => call(() => get(digest)),
    put: ({ digest, mediaType, size, storedAtMs }) =>
      call(() => {
        upsert.run(digest, mediaType, size, storedAtMs);
        remembered.drop(digest);
      }),
    remove: (digest) =>
      call(() => {
        remembered.drop(digest);
        return remove.run(digest).changes > 0;
      }),
  };
}
