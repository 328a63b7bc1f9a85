// Returns all calls that need the index, by their names, for tests of an index that cannot answer.
import type { CacheIndex } from '../cache-index.ts';
import type { FillRecord } from '../fills.ts';
import {
  nginx,
  sampleBlobRecord,
  sampleClaim,
  sampleDigest,
  sampleLink,
  sampleManifest,
  sampleTag,
} from './sample-records.ts';

/** `claim` is a fill of digest `a` that the test has claimed. */
export function callsOf(index: CacheIndex, claim: FillRecord) {
  const { tags, manifests, blobs, links, fills, leases, values, popularity, nodes, audit, epoch, pubsub } = index;
  const record = sampleTag('1');
  const digest = sampleDigest('a');
  return {
    'tags.get': async () => tags.get(record),
    'tags.put': async () => tags.put(record),
    'tags.replace': async () => tags.replace(record, record),
    'tags.adopt': async () => tags.adopt(record),
    'tags.remove': async () => tags.remove(record),
    'tags.recordPull': async () => tags.recordPull(record, 1),
    'tags.list': async () => tags.list(nginx.upstream, nginx.repository, { limit: 1 }),
    'manifests.get': async () => manifests.get(digest),
    'manifests.put': async () => manifests.put(sampleManifest('a')),
    'manifests.remove': async () => manifests.remove(digest),
    'blobs.get': async () => blobs.get(digest),
    'blobs.put': async () => blobs.put(sampleBlobRecord('a')),
    'blobs.adopt': async () => blobs.adopt(sampleBlobRecord('a')),
    'blobs.markVerified': async () => blobs.markVerified(digest),
    'blobs.touch': async () => blobs.touch(digest, 1),
    'blobs.remove': async () => blobs.remove(digest),
    'blobs.totals': async () => blobs.totals(),
    'blobs.leastRecent': async () => blobs.leastRecent()[Symbol.asyncIterator]().next(),
    'links.get': async () => links.get(nginx, digest),
    'links.put': async () => links.put(nginx, [sampleLink(nginx, 'a')]),
    'links.remove': async () => links.remove(nginx, digest),
    'links.holders': async () => links.holders([nginx.upstream], nginx.repository, digest),
    'links.repositories': async () => links.repositories({ limit: 1 }),
    'fills.read': async () => fills.read(digest),
    'fills.claim': async () => fills.claim(sampleClaim('b')),
    'fills.running': async () => fills.running(digest, claim.owner, 1),
    'fills.heartbeat': async () => fills.heartbeat(claim, 1000),
    'fills.done': async () => fills.done(digest, claim.owner, sampleBlobRecord('a')),
    'fills.failed': async () => fills.failed(digest, claim.owner, { kind: 'overloaded', message: 'No.' }, 1000),
    'fills.beginDeletions': async () => fills.beginDeletions([{ digest, lastPulledAtMs: 1 }], 'me', 1000),
    'fills.endDeletions': async () => fills.endDeletions([digest], 'me', 'gone'),
    'leases.acquire': async () => leases.acquire('lease', 'me', 1000),
    'leases.release': async () => leases.release('lease', 'me'),
    'audit.add': async () => audit.add('action', ['done']),
    'audit.list': async () => audit.list({ limit: 1 }),
    'values.get': async () => values.get('value'),
    'values.put': async () => values.put('value', 'a', 1000),
    'values.remove': async () => values.remove('value'),
    'popularity.tags': async () => popularity.tags(1),
    'popularity.platforms': async () => popularity.platforms(1),
    'nodes.report': async () => nodes.report('one', '', { ttlMs: 1000, counts: {} }),
    'nodes.leave': async () => nodes.leave('one', {}),
    'nodes.read': async () => nodes.read(),
    'nodes.history': async () => nodes.history('24h'),
    'epoch.isComplete': async () => epoch.isComplete(),
    'epoch.current': async () => epoch.current(),
    'epoch.marks': async () => epoch.marks('1'),
    'epoch.mark': async () => epoch.mark('1', 'part'),
    'epoch.markComplete': async () => epoch.markComplete(''),
    'pubsub.publish': async () => pubsub.publish('topic'),
    'pubsub.subscribe': async () => pubsub.subscribe('topic', () => {}),
    check: async () => index.check(),
    findFull: async () => index.findFull(),
  } satisfies Record<string, () => Promise<unknown>>;
}
