// How a blob leaves: in order of their last pulls, never against a pull, and one deletion at a time.
import assert from 'node:assert/strict';
import type { BlobRecord } from '../blobs.ts';
import type { CacheIndexCases, CacheIndexUnderTest } from './index-under-test.ts';
import { claimed, sampleBlobRecord, sampleClaim, sampleDigest } from './sample-records.ts';

const digest = sampleDigest('a');

async function stateOf({ index }: CacheIndexUnderTest): Promise<BlobRecord['state'] | undefined> {
  return (await index.blobs.get(digest, { fresh: true }))?.state;
}

/** Pulled at 1000, and on its way out. */
async function evicting({ index: { blobs } }: CacheIndexUnderTest): Promise<void> {
  await blobs.put(sampleBlobRecord('a', { size: 7, lastPulledAtMs: 1000 }));
  assert.equal(await blobs.markEvicting(digest, 1000), true);
}

export const evictionCases: CacheIndexCases = {
  async 'every record comes once, from the one that was pulled longest ago'({ index: { blobs } }) {
    for await (const record of blobs.leastRecent()) assert.fail(`an empty index has ${record.digest}`);
    const count = 700;
    const pulledAt = (position: number) => 1000 + (position % 7 === 0 ? 500 : (position * 389) % count);
    for (let position = 0; position < count; position += 1)
      await blobs.put(sampleBlobRecord(`${position}`, { size: position, lastPulledAtMs: pulledAt(position) }));
    await blobs.put(sampleBlobRecord('3', { lastPulledAtMs: 9000 }));
    await blobs.put(sampleBlobRecord('5', { lastPulledAtMs: 8000, state: 'evicting' }));
    const records: BlobRecord[] = [];
    for await (const record of blobs.leastRecent()) records.push(record);
    assert.equal(new Set(records.map((record) => record.digest)).size, count);
    assert.equal(records.length, count);
    const pulls = records.map((record) => record.lastPulledAtMs);
    assert.deepEqual(
      pulls,
      pulls.toSorted((one, two) => one - two),
    );
    assert.deepEqual(
      records.slice(-2).map((record) => [record.digest, record.lastPulledAtMs, record.state]),
      [
        [sampleDigest('5'), 8000, 'evicting'],
        [sampleDigest('3'), 9000, 'present'],
      ],
    );
  },

  async 'what was pulled a moment ago is walked through too, in its new place'({ index: { blobs } }) {
    for (const [seed, atMs] of Object.entries({ a: 1000, b: 2000, c: 3000 }))
      await blobs.put(sampleBlobRecord(seed, { lastPulledAtMs: atMs }));
    await blobs.put(sampleBlobRecord('d', { lastPulledAtMs: 500, state: 'evicting' }));
    await blobs.touch(sampleDigest('a'), 2500);
    await blobs.touch(sampleDigest('d'), 4000);
    const records: BlobRecord[] = [];
    for await (const record of blobs.leastRecent()) records.push(record);
    assert.deepEqual(
      records.map((record) => [record.digest, record.lastPulledAtMs, record.state]),
      [
        [sampleDigest('b'), 2000, 'present'],
        [sampleDigest('a'), 2500, 'present'],
        [sampleDigest('c'), 3000, 'present'],
        [sampleDigest('d'), 4000, 'present'],
      ],
    );
  },

  async 'a record that is pulled while somebody walks through them is never out of place'({ index: { blobs } }) {
    const seeds = Array.from({ length: 50 }, (_, position) => `${position}`);
    for (const [position, seed] of seeds.entries())
      await blobs.put(sampleBlobRecord(seed, { lastPulledAtMs: 1000 + position }));
    let lastMs = 0;
    for await (const record of blobs.leastRecent()) {
      assert.ok(record.lastPulledAtMs >= lastMs);
      if (lastMs === 0) for (const seed of seeds) await blobs.touch(sampleDigest(seed), 9000);
      lastMs = record.lastPulledAtMs;
    }
  },

  async 'who walks through the records may remove them on the way'({ index: { blobs } }) {
    for (let position = 0; position < 400; position += 1)
      await blobs.put(sampleBlobRecord(`${position}`, { size: 1, lastPulledAtMs: 1000 + position }));
    for await (const record of blobs.leastRecent()) await blobs.remove(record.digest);
    for await (const record of blobs.leastRecent()) await blobs.remove(record.digest);
    assert.deepEqual(await blobs.totals(), { blobs: 0, bytes: 0 });
  },

  async 'a blob is marked only if nobody has pulled it since, and a pull saves it'(tested) {
    const { blobs } = tested.index;
    assert.equal(await blobs.markEvicting(digest, 9e15), false);
    await blobs.put(sampleBlobRecord('a', { lastPulledAtMs: 1000 }));
    assert.equal(await blobs.markEvicting(digest, 999), false);
    assert.equal(await stateOf(tested), 'present');
    assert.equal(await blobs.markEvicting(digest, 1000), true);
    assert.equal(await blobs.markEvicting(digest, 1000), true);
    assert.equal(await stateOf(tested), 'evicting');
    await blobs.touch(digest, 2000);
    assert.equal(await stateOf(tested), 'present');
    assert.equal(await blobs.markEvicting(digest, 1000), false);
  },

  async 'what waits to be written of earlier pulls does not undo a mark'({ index: { blobs }, advance }) {
    await blobs.put(sampleBlobRecord('a', { lastPulledAtMs: 1000 }));
    await blobs.touch(digest, 2000);
    await advance(1500);
    assert.equal(await blobs.markEvicting(digest, 2000), true);
    await advance(1500);
    assert.equal((await blobs.get(digest))?.state, 'evicting');
    assert.equal((await blobs.get(digest))?.lastPulledAtMs, 2000);
  },

  async 'only what is on its way out is deleted, its bytes count until then, and it ends with its record'(tested) {
    const { blobs, fills } = tested.index;
    assert.equal(await fills.beginDeletion(digest, 'me', 60_000), false);
    await blobs.put(sampleBlobRecord('a', { size: 7, lastPulledAtMs: 1000 }));
    assert.equal(await fills.beginDeletion(digest, 'me', 60_000), false);
    assert.equal(await fills.endDeletion(digest, 'me'), false);
    await blobs.markEvicting(digest, 1000);
    assert.equal(await fills.endDeletion(digest, 'me'), false);
    assert.equal(await fills.beginDeletion(digest, 'me', 60_000), true);
    assert.equal(await stateOf(tested), 'deleting');
    await blobs.touch(digest, 2000);
    assert.equal(await stateOf(tested), 'deleting');
    assert.equal(await blobs.markEvicting(digest, 2000), true);
    assert.equal(await stateOf(tested), 'deleting');
    assert.deepEqual(await blobs.totals(), { blobs: 1, bytes: 7 });
    assert.equal(await fills.endDeletion(digest, 'me'), true);
    assert.equal(await fills.endDeletion(digest, 'me'), false);
    assert.equal(await stateOf(tested), undefined);
    assert.deepEqual(await blobs.totals(), { blobs: 0, bytes: 0 });
    for await (const record of blobs.leastRecent()) assert.fail(`${record.digest} was deleted`);
  },

  async 'a mark that knows of a pull holds, although the pull waits to be written'(tested) {
    const { blobs } = tested.index;
    for (const state of ['present', 'evicting', 'deleting'] as const) {
      await blobs.remove(digest);
      await blobs.put(sampleBlobRecord('a', { state, lastPulledAtMs: 1000 }));
      await blobs.touch(digest, 2000);
      assert.equal(await blobs.markEvicting(digest, 1999), false);
      assert.equal(await blobs.markEvicting(digest, 2000), true);
      const marked = await blobs.get(digest, { fresh: true });
      assert.equal(marked?.state, state === 'deleting' ? 'deleting' : 'evicting');
      assert.equal(marked.lastPulledAtMs, 2000);
      assert.equal(await blobs.markEvicting(digest, 1999), false);
    }
  },

  async 'a pull that waits to be written saves the blob too, unless its deletion has begun'(tested) {
    const { blobs, fills } = tested.index;
    await evicting(tested);
    await blobs.touch(digest, 1000);
    assert.equal(await fills.beginDeletion(digest, 'me', 60_000), false);
    assert.equal(await stateOf(tested), 'present');
    await blobs.markEvicting(digest, 1000);
    assert.equal(await fills.beginDeletion(digest, 'me', 60_000), true);
    await blobs.touch(digest, 2000);
    assert.equal(await fills.beginDeletion(digest, 'me', 60_000), true);
  },

  async 'a deletion is over when a record is put, whatever its state'(tested) {
    const { blobs, fills } = tested.index;
    await evicting(tested);
    await fills.beginDeletion(digest, 'me', 60_000);
    await blobs.put(sampleBlobRecord('a', { state: 'deleting' }));
    assert.equal(await fills.endDeletion(digest, 'me'), false);
    await claimed(fills, sampleClaim('a'));
  },

  async 'a pull between the mark and the deletion saves the blob'(tested) {
    await evicting(tested);
    await tested.index.blobs.touch(digest, 2000);
    await tested.advance(1500);
    assert.equal(await tested.index.fills.beginDeletion(digest, 'me', 60_000), false);
    assert.equal(await stateOf(tested), 'present');
  },

  async 'what is being fetched is not deleted, and what is being deleted is not fetched'(tested) {
    const { blobs, fills } = tested.index;
    await evicting(tested);
    const fill = await claimed(fills, sampleClaim('a'));
    assert.equal(await fills.beginDeletion(digest, 'me', 60_000), false);
    await fills.failed(digest, fill.owner, { kind: 'overloaded', message: 'Left.' }, 60_000);
    assert.equal(await fills.beginDeletion(digest, 'me', 60_000), true);
    const waits = await fills.claim(sampleClaim('a', { owner: 'two' }));
    assert.ok(waits !== undefined && 'unsettledForMs' in waits && waits.unsettledForMs > 0);
    await fills.endDeletion(digest, 'me');
    const next = await claimed(fills, sampleClaim('a', { owner: 'two' }));
    assert.equal(await fills.done(digest, next.owner, sampleBlobRecord('a', { size: 9 })), true);
    assert.deepEqual(await blobs.totals(), { blobs: 1, bytes: 9 });
    assert.equal(await fills.beginDeletion(digest, 'me', 60_000), false);
  },

  async 'one deletes at a time, until its lease ends'(tested) {
    const { fills } = tested.index;
    await evicting(tested);
    const owners = ['one', 'two', 'three'];
    const begun = await Promise.all(owners.map(async (owner) => fills.beginDeletion(digest, owner, 60_000)));
    assert.equal(begun.filter(Boolean).length, 1);
    const owner = owners[begun.indexOf(true)]!;
    assert.equal(await fills.beginDeletion(digest, owner, 300), true);
    assert.equal(await fills.beginDeletion(digest, owner, 60_000), true);
    await tested.advance(400);
    assert.equal(await fills.beginDeletion(digest, 'four', 1000), false);
    assert.equal(await fills.beginDeletion(digest, owner, 300), true);
    await tested.advance(400);
    assert.equal(await fills.beginDeletion(digest, 'four', 60_000), true);
    assert.equal(await fills.endDeletion(digest, owner), false);
    assert.equal(await fills.endDeletion(digest, 'four'), true);
  },

  async 'a deletion whose lease has ended holds no fetch up, and ends nothing that was stored since'(tested) {
    const { blobs, fills } = tested.index;
    await evicting(tested);
    await fills.beginDeletion(digest, 'dead', 100);
    await tested.advance(200);
    const fill = await claimed(fills, sampleClaim('a'));
    assert.equal(await fills.beginDeletion(digest, 'other', 60_000), false);
    await fills.done(digest, fill.owner, sampleBlobRecord('a', { size: 8 }));
    assert.equal(await stateOf(tested), 'present');
    assert.equal(await fills.endDeletion(digest, 'dead'), false);
    await blobs.markEvicting(digest, 9e15);
    assert.equal(await fills.endDeletion(digest, 'dead'), false);
    assert.equal(await fills.beginDeletion(digest, 'other', 60_000), true);
    assert.equal(await fills.endDeletion(digest, 'dead'), false);
    assert.deepEqual(await blobs.totals(), { blobs: 1, bytes: 8 });
  },

  async 'a record is removed only if it is of the object that was meant'({ index: { blobs } }) {
    await blobs.put(sampleBlobRecord('a', { size: 7, storedAtMs: 1000.5 }));
    assert.equal(await blobs.remove(digest, 1000), false);
    assert.deepEqual(await blobs.totals(), { blobs: 1, bytes: 7 });
    assert.equal(await blobs.remove(digest, 1000.5), true);
    assert.equal(await blobs.remove(digest, 1000.5), false);
    assert.deepEqual(await blobs.totals(), { blobs: 0, bytes: 0 });
  },
};
