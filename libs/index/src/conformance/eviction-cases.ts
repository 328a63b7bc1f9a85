// Cases of eviction: blobs are deleted in the order of their last pulls, one owner at a time, and never after a newer
// pull.
import assert from 'node:assert/strict';
import type { BlobRecord } from '../blobs.ts';
import type { CacheIndexCases, CacheIndexUnderTest } from './index-under-test.ts';
import { assertSameRecord, claimed, sampleBlobRecord, sampleClaim, sampleDigest } from './sample-records.ts';

const digest = sampleDigest('a');

/** A blob whose last pull was at 1000. */
const victim = sampleBlobRecord('a', { size: 7, lastPulledAtMs: 1000 });

async function stateOf({ index }: CacheIndexUnderTest): Promise<BlobRecord['state'] | undefined> {
  return (await index.blobs.get(digest, { fresh: true }))?.state;
}

interface Deletion {
  readonly lastPulledAtMs?: number;
  readonly owner?: string;
  readonly leaseMs?: number;
}

/** Begins or extends the deletion of the blob. Returns true if this succeeded. */
async function begins({ index: { fills } }: CacheIndexUnderTest, deletion: Deletion = {}): Promise<boolean> {
  const { lastPulledAtMs = 1000, owner = 'me', leaseMs = 60_000 } = deletion;
  return (await fills.beginDeletions([{ digest, lastPulledAtMs }], owner, leaseMs)).includes(digest);
}

async function ends(
  { index: { fills } }: CacheIndexUnderTest,
  owner = 'me',
  end: 'gone' | 'kept' = 'gone',
): Promise<boolean> {
  return (await fills.endDeletions([digest], owner, end)).includes(digest);
}

export const evictionCases: CacheIndexCases = {
  async 'a walk returns every record one time, least recently pulled first'({ index: { blobs } }) {
    for await (const record of blobs.leastRecent()) assert.fail(`an empty index has ${record.digest}`);
    const count = 700;
    const pulledAt = (position: number) => 1000 + (position % 7 === 0 ? 500 : (position * 389) % count);
    for (let position = 0; position < count; position += 1)
      await blobs.put(sampleBlobRecord(`${position}`, { size: position, lastPulledAtMs: pulledAt(position) }));
    await blobs.put(sampleBlobRecord('3', { lastPulledAtMs: 9000 }));
    await blobs.put(sampleBlobRecord('5', { lastPulledAtMs: 8000 }));
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
        [sampleDigest('5'), 8000, 'present'],
        [sampleDigest('3'), 9000, 'present'],
      ],
    );
  },

  async 'a walk includes recently pulled records, in their new position'({ index: { blobs } }) {
    for (const [seed, atMs] of Object.entries({ a: 1000, b: 2000, c: 3000 }))
      await blobs.put(sampleBlobRecord(seed, { lastPulledAtMs: atMs }));
    await blobs.put(sampleBlobRecord('d', { lastPulledAtMs: 500 }));
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

  async 'a record that is pulled during a walk is never out of order'({ index: { blobs } }) {
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

  async 'a walk continues while its caller removes records'({ index: { blobs } }) {
    for (let position = 0; position < 400; position += 1)
      await blobs.put(sampleBlobRecord(`${position}`, { size: 1, lastPulledAtMs: 1000 + position }));
    for await (const record of blobs.leastRecent()) await blobs.remove(record.digest);
    for await (const record of blobs.leastRecent()) await blobs.remove(record.digest);
    assert.deepEqual(await blobs.totals(), { blobs: 0, bytes: 0 });
  },

  async 'a blob is deleted unless it was pulled after it was chosen, and its bytes count until its record is removed'(
    tested,
  ) {
    const { blobs } = tested.index;
    assert.equal(await begins(tested), false);
    await blobs.put(victim);
    assert.equal(await ends(tested), false);
    assert.equal(await begins(tested, { lastPulledAtMs: 999 }), false);
    assert.equal(await stateOf(tested), 'present');
    assert.equal(await begins(tested), true);
    assert.equal(await stateOf(tested), 'deleting');
    await blobs.touch(digest, 2000);
    assert.equal(await stateOf(tested), 'deleting');
    assert.equal(await begins(tested), true);
    assert.deepEqual(await blobs.totals(), { blobs: 1, bytes: 7 });
    assert.equal(await ends(tested), true);
    assert.equal(await ends(tested), false);
    assert.equal(await stateOf(tested), undefined);
    assert.deepEqual(await blobs.totals(), { blobs: 0, bytes: 0 });
    for await (const record of blobs.leastRecent()) assert.fail(`${record.digest} was deleted`);
  },

  async 'many blobs are deleted in one call, except those that must stay'({ index: { blobs, fills } }) {
    const records = Array.from({ length: 450 }, (_, at) => sampleBlobRecord(`${at}`, { size: 1, lastPulledAtMs: at }));
    for (const record of records) await blobs.put(record);
    const pulled = records[7]!;
    await blobs.touch(pulled.digest, 1000);
    const { owner } = await claimed(fills, sampleClaim('9'));
    const missing = sampleBlobRecord('missing');
    const others = records
      .filter((record) => record !== pulled && record !== records[9])
      .map((record) => record.digest);
    const begun = await fills.beginDeletions([...records, missing], 'me', 60_000);
    assert.deepEqual(begun.toSorted(), others.toSorted());
    const [kept, ...gone] = others;
    assert.deepEqual(await fills.endDeletions([kept!], 'me', 'kept'), [kept]);
    const ended = await fills.endDeletions([...gone, pulled.digest, missing.digest], 'me', 'gone');
    assert.deepEqual(ended.toSorted(), gone.toSorted());
    assert.deepEqual(await blobs.totals(), { blobs: 3, bytes: 3 });
    assert.equal((await blobs.get(kept!, { fresh: true }))?.state, 'present');
    await fills.failed(sampleDigest('9'), owner, { kind: 'overloaded', message: 'Left.' }, 60_000);
    assert.deepEqual(await fills.beginDeletions([{ ...pulled, lastPulledAtMs: Infinity }], 'me', 1), [pulled.digest]);
  },

  async 'a kept blob returns to its earlier state and can be deleted later'(tested) {
    const { blobs } = tested.index;
    await blobs.put(victim);
    await begins(tested);
    assert.equal(await ends(tested, 'other', 'kept'), false);
    assert.equal(await stateOf(tested), 'deleting');
    assert.equal(await ends(tested, 'me', 'kept'), true);
    assert.equal(await ends(tested, 'me', 'kept'), false);
    assertSameRecord(await blobs.get(digest, { fresh: true }), victim);
    await claimed(tested.index.fills, sampleClaim('a', { leaseMs: 1 }));
    await tested.advance(50);
    assert.equal(await begins(tested, { owner: 'other' }), true);
    assert.deepEqual(await blobs.totals(), { blobs: 1, bytes: 7 });
  },

  async 'a pending pull prevents a deletion, but does not end one that has begun'(tested) {
    const { blobs } = tested.index;
    await blobs.put(victim);
    await blobs.touch(digest, 2000);
    assert.equal(await begins(tested), false);
    assert.equal(await begins(tested, { lastPulledAtMs: 1999 }), false);
    assert.equal(await begins(tested, { lastPulledAtMs: 2000 }), true);
    await blobs.touch(digest, 3000);
    assert.equal(await begins(tested), true);
    await tested.advance(1500);
    assert.equal(await stateOf(tested), 'deleting');
  },

  async 'a deletion ends when a record is put, in any state'(tested) {
    const { blobs, fills } = tested.index;
    await blobs.put(victim);
    await begins(tested);
    await blobs.put(sampleBlobRecord('a', { state: 'deleting' }));
    assert.equal(await ends(tested), false);
    await claimed(fills, sampleClaim('a'));
  },

  async 'a blob in a fill is not deleted, and a blob in deletion is not fetched'(tested) {
    const { blobs, fills } = tested.index;
    await blobs.put(victim);
    const fill = await claimed(fills, sampleClaim('a'));
    assert.equal(await begins(tested), false);
    await fills.failed(digest, fill.owner, { kind: 'overloaded', message: 'Left.' }, 60_000);
    assert.equal(await begins(tested), true);
    const waits = await fills.claim(sampleClaim('a', { owner: 'two' }));
    assert.ok(waits !== undefined && 'unsettledForMs' in waits && waits.unsettledForMs > 0);
    await ends(tested);
    const next = await claimed(fills, sampleClaim('a', { owner: 'two' }));
    assert.equal(await fills.done(digest, next.owner, sampleBlobRecord('a', { size: 9 })), true);
    assert.deepEqual(await blobs.totals(), { blobs: 1, bytes: 9 });
    assert.equal(await begins(tested), false);
  },

  async 'only one owner at a time deletes a blob, until its lease expires'(tested) {
    await tested.index.blobs.put(victim);
    const owners = ['one', 'two', 'three'];
    const begun = await Promise.all(owners.map(async (owner) => begins(tested, { owner })));
    assert.equal(begun.filter(Boolean).length, 1);
    const owner = owners[begun.indexOf(true)]!;
    assert.equal(await begins(tested, { owner, leaseMs: 300 }), true);
    assert.equal(await begins(tested, { owner }), true);
    await tested.advance(400);
    assert.equal(await begins(tested, { owner: 'four' }), false);
    assert.equal(await begins(tested, { owner, leaseMs: 300 }), true);
    await tested.advance(400);
    assert.equal(await begins(tested, { owner: 'four' }), true);
    assert.equal(await ends(tested, owner), false);
    assert.equal(await ends(tested, 'four'), true);
  },

  async 'an expired deletion delays no fetch and removes no blob that was stored later'(tested) {
    const { blobs, fills } = tested.index;
    await blobs.put(victim);
    await begins(tested, { owner: 'dead', leaseMs: 100 });
    await tested.advance(200);
    const fill = await claimed(fills, sampleClaim('a'));
    assert.equal(await begins(tested, { owner: 'other' }), false);
    await fills.done(digest, fill.owner, sampleBlobRecord('a', { size: 8 }));
    assert.equal(await stateOf(tested), 'present');
    assert.equal(await ends(tested, 'dead'), false);
    assert.equal(await begins(tested, { owner: 'other', lastPulledAtMs: Infinity }), true);
    assert.equal(await ends(tested, 'dead'), false);
    assert.deepEqual(await blobs.totals(), { blobs: 1, bytes: 8 });
  },

  async 'a record is removed only if its object was stored at the given time'({ index: { blobs } }) {
    await blobs.put(sampleBlobRecord('a', { size: 7, storedAtMs: 1000.5 }));
    assert.equal(await blobs.remove(digest, 1000), false);
    assert.deepEqual(await blobs.totals(), { blobs: 1, bytes: 7 });
    assert.equal(await blobs.remove(digest, 1000.5), true);
    assert.equal(await blobs.remove(digest, 1000.5), false);
    assert.deepEqual(await blobs.totals(), { blobs: 0, bytes: 0 });
  },
};
