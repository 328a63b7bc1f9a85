// Cases of an index that processes share: it announces changes.
import assert from 'node:assert/strict';
import { blobName, changesTopic, linkName, manifestName, tagName } from '../records.ts';
import { changesDelivered, syncMessage } from './changes-delivered.ts';
import type { CacheIndexCases } from './index-under-test.ts';
import { claimed, sampleBlobRecord, sampleClaim, sampleLink, sampleManifest, sampleTag } from './sample-records.ts';

export const changeCases: CacheIndexCases = {
  async 'a listener receives the names of changed records, and no others'({ index }) {
    const { tags, manifests, blobs, links, fills, pubsub } = index;
    const received: (string | undefined)[] = [];
    await pubsub.subscribe(changesTopic, (message) => {
      if (message !== syncMessage) received.push(message);
    });

    const tag = sampleTag('1.27');
    await tags.put(tag);
    assert.equal(await tags.replace(undefined, tag), false);
    assert.equal(await tags.replace(tag, { ...tag, sequence: 2 }), true);
    assert.equal(await tags.adopt(tag), false);
    for (const was of [true, false]) assert.equal(await tags.remove(tag), was);
    const tagChanges = Array.from({ length: 3 }, () => tagName(tag));

    const manifest = sampleManifest('a');
    await manifests.put(manifest);
    for (const was of [true, false]) assert.equal(await manifests.remove(manifest.digest), was);

    const link = sampleLink(tag, 'b');
    const larger = { ...link, size: 7 };
    for (const added of [link, link, larger]) await links.put(tag, [added]);
    for (const was of [true, false]) assert.equal(await links.remove(tag, link.digest), was);
    const linkChanges = Array.from({ length: 2 }, () => linkName(tag, link.digest));

    const blob = sampleBlobRecord('c');
    const { digest } = blob;
    await blobs.put(blob);
    await blobs.markVerified(digest);
    assert.equal(await blobs.adopt(blob), false);
    for (const was of [true, false]) assert.equal(await blobs.remove(digest), was);
    const { owner } = await claimed(fills, sampleClaim('c'));
    assert.equal(await fills.done(digest, owner, blob), true);
    for (const end of ['kept', 'gone'] as const) {
      assert.deepEqual(await fills.beginDeletions([blob], 'evictor', 60_000), [digest]);
      assert.deepEqual(await fills.endDeletions([digest], 'evictor', end), [digest]);
    }
    assert.deepEqual(await fills.beginDeletions([blob], 'evictor', 60_000), []);
    const blobChanges = Array.from({ length: 8 }, () => blobName(digest));

    await changesDelivered(pubsub);
    assert.deepEqual(received, [...tagChanges, manifestName(manifest.digest), ...linkChanges, ...blobChanges]);
  },
};
