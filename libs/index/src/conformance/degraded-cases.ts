// Cases of an index that remembers records, while its backend is unavailable.
import assert from 'node:assert/strict';
import { isCacheError } from '@cistern/errors';
import { callsOf } from './calls-of.ts';
import { changesDelivered } from './changes-delivered.ts';
import type { CacheIndexCases } from './index-under-test.ts';
import {
  assertSameRecord,
  claimed,
  nginx,
  sampleBlobRecord,
  sampleClaim,
  sampleDigest,
  sampleLink,
  sampleManifest,
  sampleTag,
} from './sample-records.ts';

const digest = sampleDigest('a');
/** Calls that remembered records cannot answer. */
const unanswered = [
  'tags.list',
  'blobs.totals',
  'blobs.leastRecent',
  'blobs.shards',
  'links.repositories',
  'fills.read',
  'fills.claim',
  'fills.running',
  'fills.heartbeat',
  'fills.done',
  'fills.failed',
  'fills.beginDeletions',
  'fills.endDeletions',
  'leases.acquire',
  'values.get',
  'nodes.report',
  'nodes.leave',
  'nodes.read',
  'nodes.history',
  'epoch.markComplete',
  'pubsub.publish',
  'pubsub.subscribe',
  'check',
] as const;

export const degradedCases: CacheIndexCases = {
  async 'while the index is unavailable, records that were read earlier are returned, and all others are missing'(
    tested,
  ) {
    const { tags, manifests, blobs, links, epoch, pubsub } = tested.index;
    await tags.put(sampleTag('1', { pulls: 2 }));
    await manifests.put(sampleManifest('a'));
    await blobs.put(sampleBlobRecord('a'));
    await links.put(nginx, [sampleLink(nginx, 'a'), sampleLink(nginx, 'never read')]);
    await changesDelivered(pubsub);
    await Promise.all([tags.get(sampleTag('1')), manifests.get(digest), blobs.get(digest), links.get(nginx, digest)]);
    await tested.fail();
    await tested.advance(50);
    assertSameRecord(await tags.get(sampleTag('1')), sampleTag('1', { pulls: 2 }));
    assertSameRecord(await tags.get(sampleTag('1'), { fresh: true }), sampleTag('1', { pulls: 2 }));
    assertSameRecord(await manifests.get(digest), sampleManifest('a'));
    assertSameRecord(await blobs.get(digest), sampleBlobRecord('a'));
    assertSameRecord(await links.get(nginx, digest), sampleLink(nginx, 'a'));
    assertSameRecord(await links.holders(['quay.io', nginx.upstream], nginx.repository, digest), [
      sampleLink(nginx, 'a'),
    ]);
    assert.equal(await tags.get(sampleTag('2')), undefined);
    assert.equal(await manifests.get(sampleDigest('b')), undefined);
    assert.equal(await blobs.get(sampleDigest('b')), undefined);
    assert.equal(await links.get(nginx, sampleDigest('never read')), undefined);
    assert.equal(await epoch.isComplete(), false);
  },

  async 'records that are written while the index is unavailable are returned from memory'(tested) {
    const { tags, manifests, blobs, links, pubsub } = tested.index;
    await tags.put(sampleTag('1', { pulls: 2, lastPulledAtMs: 9 }));
    await changesDelivered(pubsub);
    await tags.get(sampleTag('1'));
    await tested.fail();
    // The index must detect the outage first, because a pull before that is lost.
    await assert.rejects(tested.index.check());
    await tags.recordPull(sampleTag('1'), 8);
    await tags.put(sampleTag('1', { sequence: 2 }));
    assertSameRecord(await tags.get(sampleTag('1')), sampleTag('1', { sequence: 2, pulls: 3, lastPulledAtMs: 9 }));
    assert.equal(await tags.replace(sampleTag('1'), sampleTag('1', { sequence: 3 })), true);
    assertSameRecord(await tags.get(sampleTag('1')), sampleTag('1', { sequence: 3, pulls: 3, lastPulledAtMs: 9 }));
    await tags.recordPull(sampleTag('nowhere'), 8);
    assert.equal(await tags.adopt(sampleTag('1')), false);
    assert.equal(await tags.adopt(sampleTag('2')), true);
    assertSameRecord(await tags.get(sampleTag('2')), sampleTag('2'));
    assert.equal(await tags.remove(sampleTag('2')), true);
    assert.equal(await tags.remove(sampleTag('2')), false);
    assert.equal(await tags.get(sampleTag('2')), undefined);

    assert.equal(await blobs.adopt(sampleBlobRecord('a', { verified: false })), true);
    assert.equal(await blobs.adopt(sampleBlobRecord('a')), false);
    await blobs.markVerified(digest);
    await blobs.touch(digest, 1_800_000_000_000);
    await blobs.touch(sampleDigest('nowhere'), 1);
    assertSameRecord(await blobs.get(digest), sampleBlobRecord('a', { lastPulledAtMs: 1_800_000_000_000 }));
    await blobs.put(sampleBlobRecord('a', { size: 7 }));
    assertSameRecord(await blobs.get(digest), sampleBlobRecord('a', { size: 7, lastPulledAtMs: 1_800_000_000_000 }));
    assert.equal(await blobs.remove(digest), true);
    assert.equal(await blobs.remove(digest), false);
    assert.equal(await blobs.get(digest), undefined);

    await manifests.put(sampleManifest('a'));
    assertSameRecord(await manifests.get(digest), sampleManifest('a'));
    assert.equal(await manifests.remove(digest), true);
    assert.equal(await manifests.get(digest), undefined);
    await links.put(nginx, [sampleLink(nginx, 'a')]);
    assertSameRecord(await links.get(nginx, digest), sampleLink(nginx, 'a'));
    assert.equal(await links.remove(nginx, digest), true);
    assert.equal(await links.get(nginx, digest), undefined);
  },

  async 'calls that need the index reject with index-unavailable'({ index, fail }) {
    const claim = await claimed(index.fills, sampleClaim('a'));
    await fail();
    const calls = callsOf(index, claim);
    for (const method of unanswered)
      await assert.rejects(calls[method], (error) => isCacheError(error, 'index-unavailable'), method);
  },
};
