// Manifest records.
import { manifestName } from '../index-changes.ts';
import type { ManifestIndex } from '../manifests.ts';
import { packMediaType, unpackMediaType } from './packed-media-type.ts';
import type { RedisParts } from './redis-parts.ts';
import { isReadable, schema, schemaField } from './stored-schema.ts';

export function createRedisManifests({ calls, keys, publishChanges, reportNewer }: RedisParts): ManifestIndex {
  return {
    async get(digest) {
      const hash = await calls.command((client) => client.hgetall(keys.manifest(digest)));
      if (!isReadable(hash)) return undefined;
      return {
        schema: 1,
        digest,
        mediaType: unpackMediaType(hash['m'] ?? ''),
        size: Number(hash['s']),
        storedAtMs: Number(hash['a']),
      };
    },
    async put({ digest, mediaType, size, storedAtMs }) {
      const key = keys.manifest(digest);
      const fields = [schemaField, schema, 'm', packMediaType(mediaType), 's', size, 'a', storedAtMs];
      if ((await calls.run('put-record', [key], fields)) === 0) reportNewer('manifest', key);
    },
    async remove(digest) {
      const removed = await calls.run('remove-record', [keys.manifest(digest)], []);
      if (removed === 1) await publishChanges(manifestName(digest));
      return removed === 1;
    },
  };
}
