// Cases of links, which record the repositories that hold a digest, and of the list of repositories.
import assert from 'node:assert/strict';
import type { CacheIndexCases } from './index-under-test.ts';
import {
  assertFromMemory,
  assertSameRecord,
  nginx,
  repositoryKey,
  sampleDigest,
  sampleLink,
} from './sample-records.ts';

export const linkCases: CacheIndexCases = {
  async 'a link is absent, then as written, then absent after removal'({ index: { links } }) {
    const bare = sampleLink(nginx, 'bare');
    const full = sampleLink(nginx, 'full', {
      kind: 'manifest',
      size: 5e10,
      mediaType: 'application/json',
      platform: 'linux/arm/v7',
    });
    assert.equal(await links.get(nginx, bare.digest), undefined);
    await links.put(nginx, [bare, full]);
    assertSameRecord(await links.get(nginx, bare.digest), bare);
    assertSameRecord(await links.get(nginx, full.digest), full);
    await links.put(nginx, [{ ...full, kind: 'blob', size: undefined, mediaType: undefined, platform: undefined }]);
    assertSameRecord(await links.get(nginx, full.digest), sampleLink(nginx, 'full'));
    assert.equal(await links.remove(nginx, bare.digest), true);
    assert.equal(await links.remove(nginx, bare.digest), false);
    assert.equal(await links.get(nginx, bare.digest), undefined);
    assertSameRecord(await links.get(nginx, full.digest), sampleLink(nginx, 'full'));
  },

  async 'a confirmed link stays confirmed while its kind stays the same'({ index: { links } }) {
    const claim = sampleLink(nginx, 'a', { size: 7, mediaType: 'layer' });
    const confirmed = async () => (await links.get(nginx, claim.digest))?.confirmed === true;
    await links.put(nginx, [claim]);
    assert.equal(await confirmed(), false);
    await links.put(nginx, [{ ...claim, confirmed: true }]);
    assert.equal(await confirmed(), true);
    await links.put(nginx, [{ ...claim, size: undefined }]);
    assertSameRecord(await links.get(nginx, claim.digest), { ...claim, size: undefined, confirmed: true });
    await links.put(nginx, [{ ...claim, kind: 'manifest' }]);
    assert.equal(await confirmed(), false);
    await links.put(nginx, [claim, { ...claim, confirmed: true }]);
    assert.equal(await confirmed(), true);
    await links.remove(nginx, claim.digest);
    await links.put(nginx, [{ ...claim, confirmed: true }, claim]);
    assert.equal(await confirmed(), false);
  },

  async 'an empty put and a repeated put succeed'({ index: { links } }) {
    await links.put(nginx, []);
    assert.deepEqual(await links.repositories({ limit: 10 }), []);
    await links.put(nginx, [sampleLink(nginx, 'a')]);
    await links.put(nginx, [sampleLink(nginx, 'a'), sampleLink(nginx, 'a')]);
    assertSameRecord(await links.get(nginx, sampleDigest('a')), sampleLink(nginx, 'a'));
  },

  async 'a link grants nothing to another repository or upstream'({ index: { links } }) {
    await links.put(nginx, [sampleLink(nginx, 'a')]);
    for (const other of [
      repositoryKey('quay.io', 'library/nginx'),
      repositoryKey('docker.io', 'library'),
      repositoryKey('docker.io', 'library/nginx/a'),
      repositoryKey('docker.io', 'nginx'),
    ]) {
      assert.equal(await links.get(other, sampleDigest('a')), undefined);
      assert.equal(await links.remove(other, sampleDigest('a')), false);
    }
  },

  async 'put rejects all links if one is of another repository'({ index: { links } }) {
    const other = repositoryKey('quay.io', 'library/nginx');
    await assert.rejects(async () => links.put(nginx, [sampleLink(nginx, 'a'), sampleLink(other, 'b')]), TypeError);
    assert.equal(await links.get(nginx, sampleDigest('a')), undefined);
    assert.equal(await links.get(other, sampleDigest('b')), undefined);
  },

  async 'holders returns the given upstreams that have the digest under exactly this name, in the given order'({
    index: { links },
  }) {
    const digest = sampleDigest('a');
    const keys = ['ghcr.io', 'docker.io', 'quay.io'].map((upstream) => repositoryKey(upstream, 'library/nginx'));
    for (const key of keys) await links.put(key, [sampleLink(key, 'a', { size: key.upstream.length })]);
    const elsewhere = repositoryKey('gcr.io', 'library/nginx2');
    await links.put(elsewhere, [sampleLink(elsewhere, 'a')]);
    const { repository } = nginx;
    assertSameRecord(await links.holders(['quay.io', 'gcr.io', 'docker.io'], repository, digest), [
      sampleLink(repositoryKey('quay.io', 'library/nginx'), 'a', { size: 7 }),
      sampleLink(nginx, 'a', { size: 9 }),
    ]);
    assert.deepEqual(await links.holders(['quay.io', 'docker.io'], repository, sampleDigest('b')), []);
    assert.deepEqual(await links.holders([], repository, digest), []);
  },

  async 'repositories lists all repositories with links, in byte order of upstream/repository'({ index: { links } }) {
    const inOrder = [
      repositoryKey('a-b', 'x'),
      repositoryKey('a.b', 'x'),
      repositoryKey('a', 'x'),
      repositoryKey('a', 'x-y'),
      repositoryKey('a', 'x/y'),
      repositoryKey('a', 'xy'),
      repositoryKey('docker.io', 'library/nginx'),
      repositoryKey('localhost:5000', 'a/b/c'),
      // U+FF5E sorts before U+1F600 in UTF-8 and after it in UTF-16.
      repositoryKey('～', 'x'),
      repositoryKey('😀', 'x'),
    ];
    for (const key of inOrder.toReversed())
      await links.put(
        key,
        ['1', '2', '3'].map((seed) => sampleLink(key, seed)),
      );
    assertSameRecord(await links.repositories({ limit: 1000 }), inOrder);
    const paged = [];
    for (let after: string | undefined; ;) {
      const page = await links.repositories({ after, limit: 3 });
      const last = page.at(-1);
      if (last === undefined) break;
      paged.push(...page);
      assert.ok(paged.length <= inOrder.length, 'the pages never end');
      after = `${last.upstream}/${last.repository}`;
    }
    assertSameRecord(paged, inOrder);
    // `after` need not be the path of a repository.
    assertSameRecord(await links.repositories({ after: 'a/xz', limit: 1 }), [nginx]);
    assert.deepEqual(await links.repositories({ limit: 0 }), []);
  },

  async 'digests returns all digests of a repository, and none of other repositories'({ index: { links } }) {
    const other = repositoryKey('docker.io', 'library/nginx/a');
    assert.deepEqual(await links.digests(nginx), []);
    await links.put(other, [sampleLink(other, 'c')]);
    await links.put(nginx, [sampleLink(nginx, 'a'), sampleLink(nginx, 'b', { kind: 'manifest' })]);
    assert.deepEqual((await links.digests(nginx)).sort(), [sampleDigest('a'), sampleDigest('b')].sort());
    await links.remove(nginx, sampleDigest('a'));
    assert.deepEqual(await links.digests(nginx), [sampleDigest('b')]);
  },

  async 'a repository is listed until its last link is removed'({ index: { links } }) {
    await links.put(nginx, [sampleLink(nginx, 'a'), sampleLink(nginx, 'b')]);
    await links.remove(nginx, sampleDigest('a'));
    assertSameRecord(await links.repositories({ limit: 9 }), [nginx]);
    await links.remove(nginx, sampleDigest('b'));
    assert.deepEqual(await links.repositories({ limit: 9 }), []);
  },

  async 'memory returns the same link as a read'({ index: { links } }) {
    const link = sampleLink(nginx, 'a');
    const remembered = () => links.fromMemory(nginx, link.digest);
    assert.equal(remembered(), undefined);
    await links.put(nginx, [link]);
    await links.get(nginx, link.digest);
    assertFromMemory(remembered(), link);
    assert.equal(links.fromMemory(repositoryKey('quay.io', 'library/nginx'), link.digest), undefined);
    const changed = { ...link, kind: 'manifest', mediaType: 'application/json' } as const;
    await links.put(nginx, [changed]);
    await links.get(nginx, link.digest);
    assertFromMemory(remembered(), changed);
    await links.remove(nginx, link.digest);
    assert.equal(remembered(), undefined);
  },
};
