import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CacheError } from '@cistern/errors';
import { parseReference } from '@cistern/oci';
import { repositoryOf } from '@cistern/index/testing';
import { startTestCache } from '@cistern/pull-through/testing';
import { listStale } from './open-decisions.ts';

const mediaType = 'application/vnd.oci.image.index.v1+json';

test('tags that were served stale are listed, page by page, until the upstream confirms them', async (t) => {
  const started = await startTestCache();
  t.after(() => started.close());
  const { cache, hub, clock } = started;
  const repositories = ['a/one', 'a/two', 'b/three'].map((name) => repositoryOf('docker.io', name));
  const tags = ['1', '2', '3'];
  const pull = async (...pulled: readonly string[]) => {
    for (const repository of repositories)
      for (const tag of pulled) await cache.openManifest({ ...repository, reference: parseReference(tag) });
  };
  for (const { repository } of repositories)
    for (const tag of tags) {
      const annotations = { [repository]: tag };
      const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests: [], annotations }));
      hub.addManifest(repository, tag, bytes, mediaType);
    }
  const list = async (limit: number, maxRead?: number) => {
    const found: string[][] = [];
    for (let after: Parameters<typeof listStale>[1]['after']; ;) {
      const page = await listStale(started, { limit, ...(after && { after }), ...(maxRead && { maxRead }) });
      found.push(page.tags.map(({ repository, tag }) => `${repository}:${tag}`));
      if (page.next === undefined) return found;
      after = page.next;
    }
  };
  await pull(...tags);
  clock.nowMs += 61_000;
  assert.deepEqual(await list(10), [[]], 'a tag without a pull is not served stale');
  hub.script.down = new CacheError('upstream-unreachable', 'down');
  await pull('1', '3');
  const stale = repositories.flatMap(({ repository }) => [`${repository}:1`, `${repository}:3`]);
  assert.deepEqual(await list(10), [stale]);
  assert.deepEqual(await list(4), [stale.slice(0, 4), stale.slice(4)]);
  assert.deepEqual((await list(10, 2)).flat(), stale);
  hub.script.down = undefined;
  clock.nowMs += 11_000;
  await pull('1');
  assert.deepEqual(
    (await list(10)).flat(),
    stale.filter((name) => name.endsWith(':3')),
  );
});
