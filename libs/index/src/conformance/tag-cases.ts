// Cases of tag records: they have all fields, their pulls only grow, and lists are in byte order.
import assert from 'node:assert/strict';
import { parseTag } from '@cistern/oci';
import type { CacheIndexCases } from './index-under-test.ts';
import { assertFromMemory, assertSameRecord, nginx, repositoryKey, sampleDigest, sampleTag } from './sample-records.ts';

export const tagCases: CacheIndexCases = {
  async 'a tag is absent, then as written, then as written again'({ index: { tags } }) {
    const record = sampleTag('1.27', { lastFailure: 'connect ETIMEDOUT' });
    assert.equal(await tags.get(record), undefined);
    await tags.put(record);
    assertSameRecord(await tags.get({ ...nginx, tag: record.tag }), record);
    const changed = sampleTag('1.27', {
      digest: sampleDigest('other', 'sha512'),
      mediaType: 'application/json',
      size: 2,
      sequence: 2,
      firstSeenAtMs: 1,
      changedAtMs: 2,
      checkedAtMs: 0,
      lastTriedAtMs: 4,
      pulls: 5,
      lastPulledAtMs: 6,
      origin: 'adopted',
    });
    await tags.put(changed);
    assertSameRecord(await tags.get(record), changed);
  },

  async 'a tag belongs to one repository of one upstream'({ index: { tags } }) {
    const record = sampleTag('latest');
    await tags.put(record);
    for (const key of [
      { ...record, ...repositoryKey('quay.io', 'library/nginx') },
      { ...record, ...repositoryKey('docker.io', 'library/nginx2') },
      { ...record, ...repositoryKey('docker.io', 'library') },
      { ...record, tag: parseTag('Latest') },
    ]) {
      assert.equal(await tags.get(key), undefined);
      assert.equal(await tags.remove(key), false);
    }
    assert.equal(await tags.remove(record), true);
    assert.equal(await tags.remove(record), false);
    assert.equal(await tags.get(record), undefined);
  },

  async 'a removal that expects a record does not remove another record'({ index: { tags } }) {
    const record = sampleTag('1', { sequence: 2, checkedAtMs: 5000 });
    assert.equal(await tags.remove(record, record), false);
    await tags.put(record);
    await tags.recordPull(record, 6000);
    for (const other of [
      { ...record, sequence: 1 },
      { ...record, checkedAtMs: 4999 },
    ])
      assert.equal(await tags.remove(record, other), false);
    assertSameRecord(await tags.get(record), { ...record, pulls: record.pulls + 1, lastPulledAtMs: 6000 });
    assert.equal(await tags.remove(record, { ...record, digest: sampleDigest('b'), pulls: 0 }), true);
    assert.equal(await tags.get(record), undefined);
    assert.deepEqual(await tags.list(nginx.upstream, nginx.repository, { limit: 10 }), []);
  },

  async 'a pull is counted and visible immediately, and its time only moves forward'({ index: { tags } }) {
    const record = sampleTag('1', { pulls: 3, lastPulledAtMs: 1000 });
    await tags.put(record);
    await tags.recordPull(record, 5000);
    assertSameRecord(await tags.get(record), { ...record, pulls: 4, lastPulledAtMs: 5000 });
    await tags.recordPull(record, 2000);
    await tags.recordPull(record, 4999, 1);
    assertSameRecord(await tags.get(record), { ...record, pulls: 6, lastPulledAtMs: 5000 });
    assertSameRecord(await tags.list(nginx.upstream, nginx.repository, { limit: 1 }), [
      { ...record, pulls: 6, lastPulledAtMs: 5000 },
    ]);
  },

  async 'put keeps pulls that were recorded after its record was read'({ index: { tags } }) {
    const record = sampleTag('1', { pulls: 1, lastPulledAtMs: 1000 });
    await tags.put(record);
    await tags.recordPull(record, 7000);
    await tags.put({ ...record, sequence: 2 });
    assertSameRecord(await tags.get(record), { ...record, sequence: 2, pulls: 2, lastPulledAtMs: 7000 });
    await tags.recordPull(record, 8000);
    assertSameRecord(await tags.get(record), { ...record, sequence: 2, pulls: 3, lastPulledAtMs: 8000 });
    await tags.put({ ...record, sequence: 3, pulls: 10, lastPulledAtMs: 9000 });
    assertSameRecord(await tags.get(record), { ...record, sequence: 3, pulls: 10, lastPulledAtMs: 9000 });
  },

  async 'a tag is replaced only if it is as it was read, regardless of pulls in between'({ index: { tags } }) {
    const first = sampleTag('1', { checkedAtMs: 100 });
    assert.equal(await tags.replace(first, first), false);
    assert.equal(await tags.get(first), undefined);
    assert.equal(await tags.replace(undefined, first), true);
    assert.equal(await tags.replace(undefined, sampleTag('1', { sequence: 9 })), false);
    assertSameRecord(await tags.get(first), first);
    await tags.recordPull(first, 7000);
    const failed = { ...first, lastTriedAtMs: 200, lastFailure: 'timeout' };
    assert.equal(await tags.replace(first, failed), true);
    // Another process, whose clock is behind, confirms the tag and then moves it.
    const confirmed = { ...first, checkedAtMs: 99 };
    assert.equal(await tags.replace(first, confirmed), true);
    const moved = { ...first, digest: sampleDigest('moved'), sequence: 2 };
    assert.equal(await tags.replace(first, moved), false);
    assertSameRecord(await tags.get(first), { ...confirmed, pulls: 1, lastPulledAtMs: 7000 });
    assert.equal(await tags.replace(confirmed, moved), true);
    await tags.recordPull(first, 8000);
    assert.equal(await tags.replace(first, first), false);
    assertSameRecord(await tags.get(first), { ...moved, pulls: 2, lastPulledAtMs: 8000 });
    await tags.remove(first);
    assert.equal(await tags.replace(moved, moved), false);
    assert.equal(await tags.get(first), undefined);
  },

  async 'exactly one of many concurrent replacements succeeds'({ index: { tags } }) {
    const record = sampleTag('1');
    await tags.put(record);
    const moves = ['a', 'b', 'c', 'd'].map((seed) => ({ ...record, digest: sampleDigest(seed), sequence: 2 }));
    const done = await Promise.all(moves.map((moved) => tags.replace(record, moved)));
    assert.equal(done.filter(Boolean).length, 1);
    assertSameRecord(await tags.get(record), moves[done.indexOf(true)]);
  },

  async 'adopt adds a missing tag and changes no existing one'({ index: { tags } }) {
    const record = sampleTag('1', { origin: 'adopted', checkedAtMs: 0, pulls: 3, lastPulledAtMs: 7 });
    assert.equal(await tags.adopt(record), true);
    assertSameRecord(await tags.get(record), record);
    assertSameRecord(await tags.list(nginx.upstream, nginx.repository, { limit: 9 }), [record]);
    await tags.recordPull(record, 9);
    assert.equal(await tags.adopt(sampleTag('1', { sequence: 5, lastFailure: 'x' })), false);
    assertSameRecord(await tags.get(record), { ...record, pulls: 4, lastPulledAtMs: 9 });
    await tags.remove(record);
    assert.equal(await tags.adopt(record), true);
    assertSameRecord(await tags.get(record), record);
  },

  async 'a pull of a tag without a record has no effect'({ index: { tags } }) {
    const record = sampleTag('1');
    await tags.recordPull(record, 5000);
    assert.equal(await tags.get(record), undefined);
    await tags.put(record);
    assertSameRecord(await tags.get(record), record);
    for (const add of [tags.put, tags.adopt]) {
      await tags.recordPull(record, 5000);
      await tags.remove(record);
      await tags.recordPull(record, 5000);
      await add(record);
      assertSameRecord(await tags.get(record), record);
    }
  },

  async 'tags of one repository are listed in byte order, a page at a time'({ index: { tags } }) {
    const inOrder = ['0', '1.10', '1.2', 'A', 'Z', '_', 'a', 'a-b', 'a.b', 'aa', 'b'];
    for (const tag of inOrder.toReversed()) await tags.put(sampleTag(tag));
    await tags.put(sampleTag('other', repositoryKey('docker.io', 'library/nginx/sub')));
    await tags.put(sampleTag('other', repositoryKey('quay.io', 'library/nginx')));
    async function list(page: { after?: string; limit: number }): Promise<string[]> {
      return (await tags.list(nginx.upstream, nginx.repository, page)).map((record) => record.tag);
    }
    assert.deepEqual(await list({ limit: 1000 }), inOrder);
    const paged: string[] = [];
    for (let page = await list({ limit: 4 }); page.length > 0; page = await list({ after: page.at(-1)!, limit: 4 })) {
      assert.ok(page.length <= 4);
      paged.push(...page);
      assert.ok(paged.length <= inOrder.length, 'the pages never end');
    }
    assert.deepEqual(paged, inOrder);
    // `after` need not be an existing tag.
    assert.deepEqual(await list({ after: '1.3', limit: 2 }), ['A', 'Z']);
    assert.deepEqual(await list({ after: 'b', limit: 5 }), []);
    assert.deepEqual(await list({ limit: 0 }), []);
    assertSameRecord(await tags.list(nginx.upstream, nginx.repository, { after: 'aa', limit: 9 }), [sampleTag('b')]);
  },

  async 'memory returns the same tag as a read'({ index: { tags } }) {
    const record = sampleTag('1', { lastPulledAtMs: 0, pulls: 0 });
    const remembered = () => tags.fromMemory(record);
    assert.equal(remembered(), undefined);
    await tags.put(record);
    await tags.get(record);
    assertFromMemory(remembered(), record);
    await tags.recordPull(record, 7, 3);
    assert.equal((await tags.get(record))?.pulls, 3);
    const changed = sampleTag('1', { sequence: 2, digest: sampleDigest('other'), lastPulledAtMs: 9, pulls: 9 });
    await tags.put(changed);
    await tags.get(record);
    assertFromMemory(remembered(), changed);
    await tags.remove(record);
    assert.equal(remembered(), undefined);
  },
};
