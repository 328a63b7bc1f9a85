import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { CacheError } from '@cistern/errors';
import { parseReference, parseTag } from '@cistern/oci';
import { addSampleImage } from '@cistern/upstream/testing';
import { repositoryOf } from '@cistern/index/testing';
import { until } from '@cistern/runtime/testing';
import { planPrewarm, type PrewarmImage } from './plan-prewarm.ts';
import { startPrewarmingCache } from './testing/start-prewarming-cache.ts';

const library = repositoryOf('docker.io', 'library/nginx');
const everyMs = 15_000;

async function startPlanning(
  t: TestContext,
  { top = 0, images = [] }: { top?: number; images?: readonly PrewarmImage[] },
) {
  const started = await startPrewarmingCache();
  t.after(() => started.close());
  const { cache, index, hub, metrics } = started;
  const countDone = async () => {
    const { values } = await metrics.prewarmedTags.get();
    return values.reduce((sum, { value }) => sum + value, 0);
  };
  const removed = new Set<string>();
  const isConfigured = (upstream: string) => !removed.has(upstream);
  return {
    ...started,
    removed,
    countDone,
    /** Runs one plan, and resolves when the jobs of its `tags` tags are done. */
    async plan(tags: number) {
      const before = await countDone();
      await planPrewarm({ ...started.deps, top, images, isConfigured }, everyMs, new AbortController().signal);
      await until(async () => (await countDone()) === before + tags);
    },
    async pull(tag: string, times: number) {
      for (let pull = 0; pull < times; pull += 1)
        await cache.statManifest({ ...library, reference: parseReference(tag) });
    },
    record: (tag: string) => index.tags.get({ ...library, tag: parseTag(tag) }),
    heads: () => hub.calls.filter((call) => call === 'head-manifest').length,
  };
}

test('a removed upstream gets no jobs, although running jobs still find it', async (t) => {
  const images = [{ ...library, tags: ['a'], platforms: [], when: { everyMs: 60_000 } }];
  const { hub, clock, plan, pull, removed } = await startPlanning(t, { top: 1, images });
  addSampleImage(hub, 'library/nginx', 'a', { seed: 1 });
  await pull('a', 2);
  clock.nowMs += 45_000;
  removed.add('docker.io');
  const calls = hub.calls.length;
  await plan(0);
  assert.equal(hub.calls.length, calls);
  removed.clear();
  await plan(1);
  assert.ok(hub.calls.length > calls);
});

test('only the most popular tags are confirmed before they are due', async (t) => {
  const { hub, clock, plan, pull, record, cache } = await startPlanning(t, { top: 2 });
  for (const [at, tag] of ['a', 'b', 'c'].entries()) addSampleImage(hub, 'library/nginx', tag, { seed: at + 1 });
  await pull('a', 9);
  await pull('b', 3);
  await pull('c', 5);
  clock.nowMs += 25_000;
  await plan(0);
  clock.nowMs += 20_000;
  await plan(2);
  const checked = await Promise.all(['a', 'b', 'c'].map(async (tag) => clock.nowMs - (await record(tag))!.checkedAtMs));
  assert.deepEqual(checked, [0, 45_000, 0]);
  // Clients that pull a popular tag never wait for the upstream.
  for (let minute = 0; minute < 5; minute += 1) {
    clock.nowMs += 45_000;
    await plan(2);
    assert.equal((await cache.statManifest({ ...library, reference: parseReference('a') })).cache, 'HIT');
  }
});

test('a tag that is no longer pulled is not confirmed before it is due', async (t) => {
  const { hub, clock, plan, pull } = await startPlanning(t, { top: 10 });
  addSampleImage(hub, 'library/nginx', 'a', { seed: 1 });
  await pull('a', 3);
  clock.nowMs += 3 * 86_400_000;
  await plan(0);
});

test('a tag is not confirmed for a while after a failure, and an offline upstream gets no requests', async (t) => {
  const { hub, clock, plan, pull, offline } = await startPlanning(t, { top: 10 });
  addSampleImage(hub, 'library/nginx', 'a', { seed: 1 });
  await pull('a', 50);
  hub.script.down = new CacheError('upstream-unreachable', 'gone');
  clock.nowMs += 60_000;
  await plan(1);
  clock.nowMs += 60_000;
  await plan(0);
  hub.script.down = undefined;
  clock.nowMs += 300_000;
  offline.add('docker.io');
  await plan(0);
  offline.clear();
  await plan(1);
});

test('configured images are prewarmed when they are due, and only patterns fetch the list of tags', async (t) => {
  const image = { ...library, platforms: ['linux/arm64'], when: { everyMs: 3_600_000 } };
  const images = [
    { ...image, tags: ['stable'] },
    { ...image, tags: ['1.*', 'nothing-*'], when: { cron: '0 5 * * *' } },
  ];
  const { hub, index, clock, plan, heads } = await startPlanning(t, { images });
  clock.nowMs = Date.UTC(2026, 0, 1, 12);
  hub.script.tags = { tags: ['1.26', '1.27', '2.0', 'stable'] };
  const added = ['stable', '1.26', '1.27'].map((tag, at) =>
    addSampleImage(hub, 'library/nginx', tag, { seed: 10 * at, platforms: ['linux/amd64', 'linux/arm64'] }),
  );
  const countStored = async (platform: string) =>
    (
      await Promise.all(added.flatMap(({ parts }) => parts[platform]!.blobs).map((digest) => index.blobs.get(digest)))
    ).filter((record) => record?.verified === true).length;
  await plan(3);
  await until(async () => (await countStored('linux/arm64')) === 6);
  assert.equal(await countStored('linux/amd64'), 0);
  assert.equal(hub.calls.filter((call) => call === 'list-tags').length, 1);
  await plan(0);
  clock.nowMs += 3_600_000;
  await plan(1);
  clock.nowMs = Date.UTC(2026, 0, 2, 4, 59);
  await plan(1);
  clock.nowMs = Date.UTC(2026, 0, 2, 5, 1);
  await plan(2);
  assert.equal(heads(), 7);
  await plan(0);
});

test('a list of tags that cannot be fetched is fetched again with the next plan', async (t) => {
  const images = [{ ...library, tags: ['*'], platforms: [], when: { everyMs: 3_600_000 } }];
  const { hub, plan } = await startPlanning(t, { images });
  hub.script.tags = { tags: ['a'] };
  addSampleImage(hub, 'library/nginx', 'a', { seed: 1 });
  hub.script.down = new CacheError('upstream-unreachable', 'gone');
  await plan(0);
  hub.script.down = undefined;
  await plan(1);
});
