// Cases of uploads: segments may be put in any order and repeatedly, and no blob is visible before the upload is
// complete.
import assert from 'node:assert/strict';
import { bodyOf } from '../put-bytes.ts';
import type { BlobStoreCases } from './blob-store-under-test.ts';
import { assertSameBytes, collect, readWhole, rejectsAsUnavailable } from './sample-blob.ts';
import {
  badBody,
  begin,
  failAtEnd,
  getStuck,
  inChunks,
  putAll,
  sampleSegments,
  segmentBytes,
} from './sample-upload.ts';

export const uploadCases: BlobStoreCases = {
  async 'segments can be put concurrently and in any order, and the blob is visible after the upload is complete'({
    store,
    reopen,
  }) {
    const sample = sampleSegments();
    const { digest, bytes, size, segments } = sample;
    const upload = await begin(store, sample);
    assert.equal(upload.tags.size, 0);
    await upload.put(2, bodyOf(segments[2]!));
    await Promise.all([1, 0].map((number) => upload.put(number, inChunks(segments[number]!))));
    const views = [store, await reopen()];
    for (const view of views) {
      assert.equal(await view.stat(digest), undefined);
      assert.equal(await view.open(digest), undefined);
      assert.deepEqual(await collect(view.list()), []);
    }
    await upload.complete();
    for (const view of views) {
      assert.deepEqual(await view.stat(digest), { size });
      assertSameBytes(await readWhole(view, digest), bytes);
    }
  },

  async 'a repeated segment replaces the first one, even while the first put is still running'({ store }) {
    const sample = sampleSegments();
    const upload = await begin(store, sample);
    await upload.put(1, bodyOf(Buffer.alloc(segmentBytes, 'x')));
    await putAll(upload, sample);
    const wrong = upload.put(0, bodyOf(Buffer.alloc(segmentBytes, 'y')));
    await upload.put(0, bodyOf(sample.segments[0]!));
    await wrong;
    await upload.complete();
    assertSameBytes(await readWhole(store, sample.digest), sample.bytes);
  },

  async 'the put of a segment with a failing, short or long body rejects with the error of the body, and can be repeated'({
    store,
  }) {
    const sample = sampleSegments();
    const { digest, segments } = sample;
    const upload = await begin(store, sample);
    await putAll(upload, sample);
    for (const [given, atEnd, error] of [
      [200_000, failAtEnd, /the disk of the caller/],
      [segmentBytes, failAtEnd, /the disk of the caller/],
      [200_000, undefined, RangeError],
      [segmentBytes + 4, undefined, RangeError],
    ] as const) {
      const { body, seen } = badBody(segments[0]!, given, atEnd);
      await assert.rejects(upload.put(0, body), error);
      assert.deepEqual(seen, { opened: 1, ended: 1 });
      await assert.rejects(upload.complete(), /2 of 3 segments/);
      assert.equal(await store.stat(digest), undefined);
    }
    await upload.put(0, bodyOf(segments[0]!));
    await upload.complete();
    assertSameBytes(await readWhole(store, digest), sample.bytes);
  },

  async 'a segment outside the blob, or of another length, is rejected'({ store }) {
    const sample = sampleSegments();
    const upload = await begin(store, sample);
    const [whole, , short] = sample.segments;
    for (const number of [-1, 0.5, 3, Number.NaN])
      await assert.rejects(upload.put(number, bodyOf(whole!)), RangeError, `${number}`);
    await assert.rejects(upload.put(2, bodyOf(whole!)), RangeError);
    await assert.rejects(upload.put(0, bodyOf(short!)), RangeError);
    await upload.abort();
  },

  async 'an upload completes only with all of its segments, and complete can be repeated'({ store }) {
    const sample = sampleSegments();
    const upload = await begin(store, sample);
    await assert.rejects(upload.complete(), /0 of 3 segments/);
    await putAll(upload, sample);
    await upload.complete();
    await upload.complete();
    await assert.rejects(upload.put(0, bodyOf(sample.segments[0]!)));
    await upload.abort();
    assertSameBytes(await readWhole(store, sample.digest), sample.bytes);
    assert.equal((await collect(store.list())).length, 1);
  },

  async 'an aborted upload leaves no bytes, accepts no more segments, and ends running calls'({ store }) {
    const sample = sampleSegments();
    const { digest, segments } = sample;
    const upload = await begin(store, sample);
    await upload.put(0, bodyOf(segments[0]!));
    const { body, seen } = badBody(segments[1]!, 100_000, getStuck);
    const stuck = assert.rejects(upload.put(1, body), /aborted/);
    while (seen.opened === 0) await new Promise(setImmediate);
    await Promise.all([upload.abort(), upload.abort(), stuck]);
    await upload.abort();
    await assert.rejects(upload.put(2, bodyOf(segments[2]!)));
    await assert.rejects(upload.complete());
    assert.equal(await store.stat(digest), undefined);
    assert.deepEqual(await collect(store.list()), []);
  },

  async 'an aborted put of a segment rejects immediately with the reason of its signal, and can be repeated'({
    store,
  }) {
    const sample = sampleSegments();
    const { segments } = sample;
    const upload = await begin(store, sample);
    const leaving = new AbortController();
    const { body, seen } = badBody(segments[0]!, 100_000, getStuck);
    const left = assert.rejects(upload.put(0, body, leaving.signal), /left/);
    while (seen.opened === 0) await new Promise(setImmediate);
    leaving.abort(new Error('left'));
    await left;
    await assert.rejects(upload.put(1, bodyOf(segments[1]!), leaving.signal), /left/);
    await putAll(upload, sample);
    await upload.complete();
    assertSameBytes(await readWhole(store, sample.digest), sample.bytes);
  },

  async 'another process resumes an upload, or begins a new one if it cannot be resumed'({ store, reopen }) {
    const sample = sampleSegments();
    const { digest, bytes, segments } = sample;
    const first = await begin(store, sample);
    await first.put(0, bodyOf(segments[0]!));
    await first.put(2, bodyOf(segments[2]!));
    const second = await begin(await reopen(), sample, first.id);
    const isSame = second.id === first.id;
    assert.deepEqual(second.tags, isSame ? first.tags : new Map());
    for (const number of [0, 1, 2]) if (!second.tags.has(number)) await second.put(number, bodyOf(segments[number]!));
    await second.complete();
    assertSameBytes(await readWhole(store, digest), bytes);
    await first.abort();
    assertSameBytes(await readWhole(store, digest), bytes);
    const third = await begin(store, sample, second.id);
    assert.notEqual(third.id, second.id);
    assert.equal(third.tags.size, 0);
    await third.abort();
  },

  async 'a segment replaced by another process has another tag and does not become part of the blob'({
    store,
    reopen,
  }) {
    const sample = sampleSegments();
    const { digest, bytes, segments } = sample;
    const first = await begin(store, sample);
    await first.put(0, bodyOf(segments[0]!));
    const second = await begin(await reopen(), sample, first.id);
    if (second.id !== first.id) {
      assert.equal(first.tags.size, 0, 'no process can resume the upload');
      await Promise.all([first.abort(), second.abort()]);
      return;
    }
    assert.equal(second.tags.get(0), first.tags.get(0));
    await putAll(second, sample);
    await first.put(1, bodyOf(Buffer.alloc(segmentBytes, 'x')));
    const third = await begin(await reopen(), sample, first.id);
    assert.notEqual(third.tags.get(1), second.tags.get(1));
    await assert.rejects(second.complete());
    assert.equal(await store.stat(digest), undefined);
    await third.put(1, bodyOf(segments[1]!));
    assert.equal(third.tags.get(1), second.tags.get(1), 'the same bytes');
    await first.leave();
    await assert.rejects(first.put(0, bodyOf(segments[0]!)));
    await second.complete();
    assertSameBytes(await readWhole(store, digest), bytes);
    await third.leave();
  },

  async 'concurrent uploads of one digest are independent'({ store, reopen }) {
    const sample = sampleSegments();
    const { digest, bytes } = sample;
    const [one, two, three] = await Promise.all([
      begin(store, sample),
      begin(store, sample),
      begin(await reopen(), sample),
    ]);
    assert.equal(new Set([one.id, two.id, three.id]).size, 3);
    await Promise.all([one, two, three].map((upload) => putAll(upload, sample)));
    await one.abort();
    await Promise.all([two.complete(), three.complete()]);
    assertSameBytes(await readWhole(store, digest), bytes);
    assert.equal((await collect(store.list())).length, 1);
  },

  async 'an upload replaces a truncated blob and restores a quarantined one'({ store, truncate }) {
    const sample = sampleSegments();
    const { digest, bytes } = sample;
    for (const harm of [async () => {}, () => truncate(digest, 10), () => store.quarantine(digest, 1)]) {
      if ((await store.stat(digest)) !== undefined) await harm();
      const upload = await begin(store, sample);
      await putAll(upload, sample);
      await upload.complete();
      assertSameBytes(await readWhole(store, digest), bytes);
    }
  },

  async 'every call of an upload to an unusable store rejects with store-unavailable'({ store, fail }) {
    const sample = sampleSegments();
    const upload = await begin(store, sample);
    await putAll(upload, sample);
    await fail();
    await rejectsAsUnavailable(() => upload.complete());
    await rejectsAsUnavailable(() => upload.complete());
    await rejectsAsUnavailable(() => upload.put(0, bodyOf(sample.segments[0]!)));
    await rejectsAsUnavailable(() => begin(store, sample));
    await rejectsAsUnavailable(() => store.put(sample.digest, bodyOf(sample.bytes)));
    await upload.abort().catch(() => {});
  },
};
