// Cases of fill records: a fill has one owner at a time, by compare-and-set and the clock of the index.
import assert from 'node:assert/strict';
import type { FillClaim, FillRecord } from '../fills.ts';
import type { CacheIndexCases, CacheIndexUnderTest } from './index-under-test.ts';
import {
  assertSameRecord,
  claimed as claim,
  nginx,
  sampleBlobRecord,
  sampleClaim,
  sampleDigest,
} from './sample-records.ts';

async function claimed({ index }: CacheIndexUnderTest, fields: Partial<FillClaim> = {}): Promise<FillRecord> {
  return claim(index.fills, sampleClaim('a', fields));
}

/** Claims a fill whose lease has expired. Waits first until its owner no longer has time to restore the record. */
async function claimedInTime(tested: CacheIndexUnderTest, fields: Partial<FillClaim>): Promise<FillRecord> {
  const answer = await tested.index.fills.claim(sampleClaim('a', fields));
  if (answer === undefined || !('unsettledForMs' in answer)) return answer ?? assert.fail('the claim was refused');
  await tested.advance(answer.unsettledForMs);
  return claimed(tested, fields);
}

const digest = sampleDigest('a');
const failure = { kind: 'content-mismatch', message: 'The bytes do not match.', retryAfterMs: 100 } as const;

export const fillCases: CacheIndexCases = {
  async 'a claimed fill is starting until its lease expires, and its generation is not below the time of the claim'(
    tested,
  ) {
    const { fills } = tested.index;
    assert.equal(await fills.read(digest), undefined);
    const before = tested.now();
    const record = await claimed(tested);
    const { replaces: _, leaseMs, ...fields } = sampleClaim('a');
    const { generation } = record;
    assertSameRecord(
      { ...record, expiresAtMs: 0 },
      { ...fields, schema: 1, generation, state: 'starting', expiresAtMs: 0 },
    );
    assert.ok(Number.isSafeInteger(generation));
    assert.ok(generation >= before - 1000 && generation <= tested.now() + 1000);
    assert.ok(record.expiresAtMs >= before + leaseMs - 1000 && record.expiresAtMs <= tested.now() + leaseMs + 1000);
    assertSameRecord(await fills.read(digest), record);
    assert.equal(await fills.read(sampleDigest('b')), undefined);
  },

  async 'exactly one of many concurrent claims succeeds'({ index: { fills } }) {
    const claims = Array.from({ length: 20 }, (_, number) =>
      sampleClaim('a', { owner: `owner-${number}`, fillId: `fill-${number}` }),
    );
    const won = (await Promise.all(claims.map(async (one) => fills.claim(one)))).filter(Boolean);
    assert.equal(won.length, 1);
    assertSameRecord(await fills.read(digest), won[0]);
  },

  async 'a claim takes over a live fill only if it replaces the generation of the fill'(tested) {
    const { fills } = tested.index;
    const first = await claimed(tested);
    await fills.running(digest, first.owner, 10);
    assert.equal(await fills.claim(sampleClaim('a', { owner: 'two', replaces: 0 })), undefined);
    assert.equal((await fills.read(digest))?.owner, first.owner);
    const replaces = first.generation;
    const second = await claimed(tested, { owner: 'two', fillId: 'fill-two', class: 'background', replaces });
    assert.ok(second.generation > replaces);
    assert.equal(second.state, 'starting');
    assert.equal(second.size, undefined);
    assertSameRecord(await fills.read(digest), second);
    // Later claims that replace the same generation fail, even a claim of the second owner.
    assert.equal(await fills.claim(sampleClaim('a', { owner: 'three', replaces })), undefined);
    assert.equal(await fills.claim(sampleClaim('a', { owner: 'two', replaces })), undefined);
    const fourth = await claimed(tested, { owner: 'four', replaces: second.generation + 60_000 });
    assert.equal(fourth.generation, second.generation + 60_001);
  },

  async 'an expired fill is absent, and its digest can be claimed'(tested) {
    const { fills } = tested.index;
    const first = await claimed(tested, { leaseMs: 200 });
    await tested.advance(300);
    assert.equal(await fills.read(digest), undefined);
    assert.equal(await fills.running(digest, first.owner, 10), false);
    assert.equal(await fills.done(digest, first.owner, sampleBlobRecord('a')), false);
    assert.equal(await fills.failed(digest, first.owner, failure, 1000), false);
    assert.equal(await tested.index.blobs.get(digest), undefined);
    const next = await claimedInTime(tested, { owner: 'two' });
    // If this late claim succeeded, two workers would fetch the same blob.
    const late = sampleClaim('a', { owner: 'three', replaces: first.generation });
    assert.equal(await fills.claim(late), undefined);
    assert.equal(await fills.heartbeat(first, 60_000), 'lost');
    assertSameRecord(await fills.read(digest), next);
  },

  async 'a claim that replaces a generation without a record gets a higher one'(tested) {
    // A generation from a Redis server whose clock was ahead.
    const replaces = Math.round(tested.now()) + 60_000;
    const record = await claimed(tested, { replaces });
    assert.equal(record.generation, replaces + 1);
    assert.equal(await tested.index.fills.claim(sampleClaim('a', { owner: 'two', replaces })), undefined);
  },

  async 'only the owner can mark a fill as running'(tested) {
    const { fills } = tested.index;
    assert.equal(await fills.running(digest, 'owner-a', 10), false);
    const record = await claimed(tested);
    assert.equal(await fills.running(digest, 'stranger', 10), false);
    assertSameRecord(await fills.read(digest), record);
    assert.equal(await fills.running(digest, record.owner, 20_000_000_000), true);
    assertSameRecord(await fills.read(digest), { ...record, state: 'running', size: 20_000_000_000 });
    assert.equal(await fills.running(digest, record.owner, 20_000_000_000), true);
  },

  async 'a signature stays with its record, and no later record has it'(tested) {
    const { fills } = tested.index;
    const signature = { protocol: 2, signature: 'x'.repeat(43) };
    const first = await claimed(tested);
    assert.equal(await fills.running(digest, 'stranger', 10, signature), false);
    assert.equal(await fills.running(digest, first.owner, 10, signature), true);
    const signed = { ...first, state: 'running', size: 10, ...signature } as const;
    assertSameRecord(await fills.read(digest), signed);
    assert.equal(await fills.running(digest, first.owner, 10), true);
    assertSameRecord(await fills.read(digest), signed);
    await fills.heartbeat(signed, 100);
    await tested.advance(200);
    assert.equal(await fills.heartbeat(signed, 60_000), 'recreated');
    assertSameRecord({ ...(await fills.read(digest)), expiresAtMs: 0 }, { ...signed, expiresAtMs: 0 });
    assert.equal(await fills.done(digest, first.owner, sampleBlobRecord('a', { size: 10 })), true);
    assert.equal((await fills.read(digest))?.signature, signature.signature);
    const second = await claimed(tested, { owner: 'two' });
    await fills.running(digest, second.owner, 10);
    assertSameRecord(await fills.read(digest), { ...second, state: 'running', size: 10 });
  },

  async 'a checkpoint passes to the next claim, even after the lease expired'(tested) {
    const { fills } = tested.index;
    const first = await claimed(tested);
    assert.equal(await fills.running(digest, 'stranger', 10, { checkpoint: 'forged' }), false);
    assert.equal(await fills.running(digest, first.owner, 10, { checkpoint: 'one' }), true);
    assert.equal(await fills.running(digest, first.owner, 10, { checkpoint: 'two' }), true);
    assert.equal(await fills.running(digest, first.owner, 10), true);
    assertSameRecord(await fills.read(digest), { ...first, state: 'running', size: 10, checkpoint: 'two' });
    const second = await claimed(tested, { owner: 'two', leaseMs: 200, replaces: first.generation });
    assert.equal(second.checkpoint, 'two');
    assertSameRecord(await fills.read(digest), second);
    await tested.advance(300);
    const third = await claimedInTime(tested, { owner: 'three' });
    assert.equal(third.checkpoint, 'two');
    const lost = { ...third, state: 'running', size: 10, checkpoint: 'three' } as const;
    await fills.heartbeat(lost, 0);
    assert.equal(await fills.heartbeat(lost, 60_000), 'recreated');
    assert.equal((await fills.read(digest))?.checkpoint, 'three');
  },

  async 'a checkpoint does not pass to a claim after the fill has ended'(tested) {
    const { fills } = tested.index;
    for (const end of ['done', 'failed'] as const) {
      const record = await claimed(tested, { owner: end });
      assert.equal(record.checkpoint, undefined);
      await fills.running(digest, end, 10, { checkpoint: 'one' });
      if (end === 'done') await fills.done(digest, end, sampleBlobRecord('a', { size: 10 }));
      else await fills.failed(digest, end, failure, 60_000);
    }
    assert.equal((await claimed(tested, { owner: 'last' })).checkpoint, undefined);
  },

  async 'a heartbeat extends the lease and changes nothing else'(tested) {
    const { fills } = tested.index;
    const record = await claimed(tested, { leaseMs: 3000 });
    await fills.running(digest, record.owner, 10);
    const before = tested.now();
    // `record` is older than the stored record, which is running.
    assert.equal(await fills.heartbeat(record, 60_000), 'kept');
    const kept = await fills.read(digest);
    assertSameRecord({ ...kept, expiresAtMs: 0 }, { ...record, state: 'running', size: 10, expiresAtMs: 0 });
    assert.ok(kept !== undefined && kept.expiresAtMs >= before + 59_000);
    await tested.advance(3100);
    assert.equal((await fills.read(digest))?.owner, record.owner);
  },

  async 'a heartbeat restores an absent record, but never overwrites another owner'(tested) {
    const { fills } = tested.index;
    const first = { ...(await claimed(tested, { leaseMs: 100 })), state: 'running', size: 10 } as const;
    await tested.advance(200);
    assert.equal(await fills.heartbeat(first, 60_000), 'recreated');
    assertSameRecord({ ...(await fills.read(digest)), expiresAtMs: 0 }, { ...first, expiresAtMs: 0 });
    assert.equal(await fills.done(digest, first.owner, sampleBlobRecord('a')), true);
    const second = await claimed(tested, { owner: 'two', replaces: first.generation });
    assert.equal(await fills.heartbeat(first, 60_000), 'lost');
    assertSameRecord(await fills.read(digest), second);
  },

  async 'only the owner can release a lease, which can then be claimed'(tested) {
    const { fills } = tested.index;
    const first = await claimed(tested);
    assert.equal(await fills.heartbeat({ ...first, owner: 'stranger' }, 0), 'lost');
    assertSameRecord(await fills.read(digest), first);
    await fills.heartbeat(first, 0);
    assert.equal(await fills.read(digest), undefined);
    await fills.heartbeat(first, 0);
    assert.equal(await fills.read(digest), undefined);
    const second = await claimed(tested, { owner: 'two' });
    assertSameRecord(await fills.read(digest), second);
  },

  async 'done also writes the blob record, and only for the owner'(tested) {
    const { fills, blobs } = tested.index;
    const record = await claimed(tested);
    const blob = sampleBlobRecord('a', { size: 77 });
    assert.equal(await fills.done(digest, 'stranger', blob), false);
    assert.equal(await blobs.get(digest), undefined);
    assertSameRecord(await fills.read(digest), record);
    await fills.running(digest, record.owner, 77);
    assert.equal(await fills.done(digest, record.owner, blob), true);
    assertSameRecord(await blobs.get(digest), blob);
    assert.deepEqual(await blobs.totals(), { blobs: 1, bytes: 77 });
    assertSameRecord(await fills.read(digest), { ...record, state: 'done', size: 77 });
  },

  async 'an owner whose fill was taken over cannot end the fill'(tested) {
    const { fills, blobs } = tested.index;
    const first = await claimed(tested);
    const second = await claimed(tested, { owner: 'two', replaces: first.generation });
    assert.equal(await fills.running(digest, first.owner, 10), false);
    assert.equal(await fills.done(digest, first.owner, sampleBlobRecord('a')), false);
    assert.equal(await fills.failed(digest, first.owner, failure, 60_000), false);
    assert.equal(await blobs.get(digest), undefined);
    assertSameRecord(await fills.read(digest), second);
  },

  async 'a failure is kept for the given time'(tested) {
    const { fills } = tested.index;
    const record = await claimed(tested);
    assert.equal(await fills.failed(digest, 'stranger', failure, 3000), false);
    assert.equal(await fills.failed(digest, record.owner, failure, 3000), true);
    const kept = await fills.read(digest);
    assertSameRecord({ ...kept, expiresAtMs: 0 }, { ...record, state: 'failed', failure, expiresAtMs: 0 });
    await tested.advance(3100);
    assert.equal(await fills.read(digest), undefined);
  },

  async 'an ended fill keeps its state until the next claim'(tested) {
    const { fills, blobs } = tested.index;
    const done = await claimed(tested);
    await fills.done(digest, done.owner, sampleBlobRecord('a'));
    assert.equal(await fills.done(digest, done.owner, sampleBlobRecord('a')), true);
    assert.equal(await fills.running(digest, done.owner, 10), false);
    assert.equal(await fills.failed(digest, done.owner, failure, 60_000), false);
    assert.equal(await fills.heartbeat(done, 60_000), 'kept');
    assert.equal((await fills.read(digest))?.state, 'done');
    const again = await claimed(tested, { owner: 'two' });
    assert.ok(again.generation > done.generation);

    await blobs.remove(digest);
    await fills.failed(digest, again.owner, failure, 60_000);
    assert.equal(await fills.failed(digest, again.owner, failure, 60_000), true);
    assert.equal(await fills.running(digest, again.owner, 10), false);
    assert.equal(await fills.done(digest, again.owner, sampleBlobRecord('a')), false);
    assert.equal(await fills.heartbeat(again, 60_000), 'kept');
    assert.equal((await fills.read(digest))?.state, 'failed');
    assert.equal(await blobs.get(digest), undefined);
    assert.ok((await claimed(tested, { owner: 'three' })).generation > again.generation);
  },

  async 'fills of different digests are independent'(tested) {
    const { fills } = tested.index;
    const one = await claimed(tested);
    const source = { ...nginx, upstream: 'quay.io' };
    const other = await claim(fills, sampleClaim('b', { source, owner: one.owner }));
    await fills.done(digest, one.owner, sampleBlobRecord('a'));
    assertSameRecord(await fills.read(sampleDigest('b')), other);
  },
};
