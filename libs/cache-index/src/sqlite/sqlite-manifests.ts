// Manifest records.
import type { Digest } from '@cistern/oci';
import type { ManifestIndex } from '../manifests.ts';
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

  function get(digest: Digest) {
    const row = select.get(digest) as Row | undefined;
    return (
      row && { schema: 1 as const, digest, mediaType: row.media_type, size: row.size, storedAtMs: row.stored_at_ms }
    );
  }

  return {
    get: async (digest) => call(() => get(digest)),
    put: async ({ digest, mediaType, size, storedAtMs }) =>
      call(() => void upsert.run(digest, mediaType, size, storedAtMs)),
    remove: async (digest) => call(() => remove.run(digest).changes > 0),
  };
}
