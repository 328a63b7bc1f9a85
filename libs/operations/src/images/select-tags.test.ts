import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestIndex, repositoryOf } from '@cistern/index/testing';
import { type Digest, digestOf, parseTag } from '@cistern/oci';
import { selectTags, type SelectTagsOptions } from './select-tags.ts';

const digest: Digest = digestOf(Buffer.from('a manifest'));
const names = ['docker.io/library/app', 'docker.io/library/empty', 'docker.io-2/app', 'quay.io/org/app'];

async function fillIndex() {
  const index = createTestIndex({ now: () => 0 });
  for (const name of names) {
    const slash = name.indexOf('/');
    const key = repositoryOf(name.slice(0, slash), name.slice(slash + 1));
    await index.links.put(key, [{ ...key, digest, kind: 'manifest' }]);
    if (name.endsWith('empty')) continue;
    for (const tag of ['1', '2', '3'])
      await index.tags.put({
        ...key,
        schema: 1,
        tag: parseTag(tag),
        digest,
        mediaType: '',
        size: 1,
        sequence: 1,
        firstSeenAtMs: 0,
        changedAtMs: 0,
        checkedAtMs: 0,
        lastPulledAtMs: 0,
        pulls: 0,
        lastTriedAtMs: 0,
        origin: 'upstream',
      });
  }
  return index;
}

async function allPages(options: Omit<SelectTagsOptions, 'after'>): Promise<string[][]> {
  const index = await fillIndex();
  const pages: string[][] = [];
  for (let after: SelectTagsOptions['after']; ;) {
    const page = await selectTags(index, { ...options, after });
    pages.push(page.tags.map(({ upstream, repository, tag }) => `${upstream}/${repository}:${tag}`));
    if (page.next === undefined) return pages;
    assert.ok(pages.length < 100, 'the pages never end');
    after = page.next;
  }
}

const tagsOf = (name: string) => ['1', '2', '3'].map((tag) => `${name}:${tag}`);
const everything = ['docker.io-2/app', 'docker.io/library/app', 'quay.io/org/app'].flatMap(tagsOf);

test('pages of every size return all tags in order, and no page exceeds its limit of records', async () => {
  assert.deepEqual(await allPages({ select: () => true, limit: 100 }), [everything]);
  for (const maxRead of [1, 2, 3, 5]) {
    const pages = await allPages({ select: () => true, limit: 100, maxRead });
    assert.deepEqual(pages.flat(), everything, `${maxRead} at a time`);
    assert.ok(pages.every((page) => page.length <= maxRead));
  }
  const pages = await allPages({ select: () => true, limit: 4 });
  assert.deepEqual(pages.flat(), everything);
  assert.deepEqual(pages[0], everything.slice(0, 4));
});

test('selectTags returns only selected tags of the given upstream', async () => {
  assert.deepEqual(
    (await allPages({ select: ({ tag }) => tag === '2', limit: 2 })).flat(),
    everything.filter((name) => name.endsWith('2')),
  );
  assert.deepEqual(
    (await allPages({ select: () => true, upstream: 'docker.io', limit: 2 })).flat(),
    tagsOf('docker.io/library/app'),
  );
  assert.deepEqual(await allPages({ select: () => true, upstream: 'ghcr.io', limit: 2 }), [[]]);
});

test('a page reads the tags of few repositories ahead, and ends when its time is over', async () => {
  const index = createTestIndex({ now: () => 0 });
  const keys = Array.from({ length: 150 }, (_, at) =>
    repositoryOf('docker.io', `org/app-${String(at).padStart(3, '0')}`),
  );
  for (const key of keys) await index.links.put(key, [{ ...key, digest, kind: 'manifest' }]);
  const read: string[] = [];
  const counted = {
    links: index.links,
    tags: {
      ...index.tags,
      async list(...given: Parameters<typeof index.tags.list>) {
        read.push(given[1]);
        return index.tags.list(...given);
      },
    },
  };
  const { next } = await selectTags(counted, { select: () => true, limit: 1, maxMs: -1 });
  assert.equal(next?.repository, 'org/app-000');
  assert.deepEqual(read, ['org/app-000']);
  assert.deepEqual(await selectTags(counted, { select: () => true, limit: 1, after: next }), { tags: [] });
  assert.equal(new Set(read).size, 150);
});
