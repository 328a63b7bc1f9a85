import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryStore } from '@cistern/blob-store/memory';
import { createTestIndex } from '@cistern/index/testing';
import { loadConfig, openLiveConfig } from '@cistern/config';
import type { JobQueue } from '@cistern/jobs';
import { digestOf, parseRepositoryName, parseTag } from '@cistern/oci';
import { pinImage } from '@cistern/content';
import { openImages } from './open-images.ts';

const digest = digestOf(Buffer.from('a manifest'));
const hour = 3_600_000;
const images = [
  ['docker.io', 'library/nginx', '1.27.0', 0],
  ['docker.io', 'library/nginx', 'latest', 0.02],
  ['docker.io', 'org/app', 'latest', 5],
  ['quay.io', 'org/app', 'latest', 0],
] as const;

/** Opens images that were confirmed the given number of hours ago. */
async function fill() {
  const index = createTestIndex({ now: Date.now });
  const store = createMemoryStore();
  for (const [upstream, name, tag, hours] of images) {
    const key = { upstream, repository: parseRepositoryName(name) };
    await index.links.put(key, [{ ...key, digest, kind: 'manifest' }]);
    const checkedAtMs = Date.now() - hours * hour;
    await index.tags.put({
      ...key,
      schema: 1,
      tag: parseTag(tag),
      digest,
      mediaType: 'application/json',
      size: 1,
      sequence: 1,
      firstSeenAtMs: 1,
      changedAtMs: 2,
      checkedAtMs,
      lastPulledAtMs: hours === 5 ? 0 : 3,
      pulls: 0,
      lastTriedAtMs: checkedAtMs,
      ...(hours > 0.1 && { lastFailure: 'upstream-timeout' }),
      origin: 'upstream',
    });
  }
  const { live } = openLiveConfig(loadConfig({ env: {}, defaults: { rootDirectory: '/nowhere' } })).config;
  return { index, store, live, images: openImages(live, { index, store, queue: {} as JobQueue }) };
}

test('the list of images has docker names, and only an image whose confirmation failed is stale', async () => {
  const { store, images: opened } = await fill();
  await pinImage(store, {
    upstream: 'docker.io',
    repository: parseRepositoryName('org/app'),
    reference: { kind: 'digest', digest },
  });
  const { images: listed, cursor } = await opened.list({ limit: 100 });
  assert.equal(cursor, null);
  assert.deepEqual(
    listed.map(({ name, state, pinned, lastPulledAt, fetchedAt }) => [name, state, pinned, lastPulledAt, fetchedAt]),
    [
      ['nginx:1.27.0', 'fresh', false, 3, 2],
      ['nginx:latest', 'due', false, 3, 2],
      ['org/app:latest', 'stale', true, null, 2],
      ['quay.io/org/app:latest', 'fresh', false, 3, 2],
    ],
  );
});

test('a search of images returns pages, and rejects an invalid cursor', async () => {
  const { images: opened } = await fill();
  const found: string[] = [];
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page = await opened.list({ search: 'ORG/', limit: 1, ...(cursor !== undefined && { cursor }) });
    found.push(...page.images.map(({ name }) => name));
    cursor = page.cursor;
  }
  assert.deepEqual(found, ['org/app:latest', 'quay.io/org/app:latest']);
  const { images: quay } = await opened.list({ search: 'org/', upstream: 'quay.io', limit: 10 });
  assert.equal(quay.length, 1);
  for (const cursor of ['', 'nonsense', Buffer.from('["a","B C",null]').toString('base64url')])
    await assert.rejects(opened.list({ limit: 1, cursor }), { kind: 'name-invalid' });
});

test('details have the full name of a cached image, and an image that is not cached is manifest-unknown', async () => {
  const { images: opened } = await fill();
  const details = await opened.details('nginx:1.27.0');
  assert.partialDeepStrictEqual(details, {
    image: 'docker.io/library/nginx:1.27.0',
    tags: ['1.27.0', 'latest'],
    platforms: [],
    state: 'fresh',
    freshness: { firstSeenAt: 1, lastFailure: null, staleIfErrorMs: null },
  });
  assert.equal((await opened.details(`nginx@${digest}`)).freshness, null);
  await assert.rejects(opened.details('nginx:2'), { kind: 'manifest-unknown' });
  await assert.rejects(opened.details('registry.test/nginx'), { kind: 'name-unknown' });
});

test('the most pulled images are listed with their pulled platforms', async () => {
  const { index, images: opened } = await fill();
  const [nginx, app] = images.map(([upstream, name, tag]) => ({
    upstream,
    repository: parseRepositoryName(name),
    tag: parseTag(tag),
  }));
  if (nginx === undefined || app === undefined) assert.fail();
  for (const key of [nginx, app, nginx]) index.popularity.countTag(key);
  index.popularity.countPlatform(nginx, 'linux/arm64');
  const { images: top } = await opened.top(10);
  assert.deepEqual(
    top.map(({ name, score, platforms }) => [name, Math.round(score), platforms.map(({ platform }) => platform)]),
    [
      ['nginx:1.27.0', 2, ['linux/arm64']],
      ['nginx:latest', 1, ['linux/arm64']],
    ],
  );
});
