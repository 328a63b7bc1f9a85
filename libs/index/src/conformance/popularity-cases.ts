// Cases of popularity: pulls add up, lose weight with time, and are kept for a limited number of names.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { parseTag } from '@cistern/oci';
import type { CacheIndex } from '../cache-index.ts';
import { maxNames } from '../popularity.ts';
import type { CacheIndexCases } from './index-under-test.ts';
import { nginx, repositoryKey } from './sample-records.ts';

function tagOf(tag: string) {
  return { ...nginx, tag: parseTag(tag) };
}

/** Waits until the pulls counted so far are visible. */
async function untilCounted(index: CacheIndex, isSeen: (names: readonly string[]) => boolean): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const names = (await index.popularity.tags(maxNames)).map(({ tag }) => tag);
    if (isSeen(names)) return;
    assert.ok(Date.now() < deadline, `the pulls were not written: ${names.slice(0, 20).join(' ')}`);
    await delay(20);
  }
}

/** Checks the weight of recent pulls, which is slightly below their number. */
function assertAbout(actual: number | undefined, expected: number): void {
  assert.ok(actual !== undefined && Math.abs(actual - expected) < 0.01 * expected, `${actual} is not ${expected}`);
}

export const popularityCases: CacheIndexCases = {
  async 'tags and platforms are ranked by their pulls, each under its repository'({ index }) {
    const { popularity } = index;
    assert.deepEqual(await popularity.tags(10), []);
    const elsewhere = { ...repositoryKey('localhost:5000', 'a/b'), tag: parseTag('1') };
    for (let pulls = 0; pulls < 3; pulls += 1) popularity.countTag(tagOf('1'));
    for (let pulls = 0; pulls < 5; pulls += 1) popularity.countTag(elsewhere);
    popularity.countTag(tagOf('v2'));
    for (let pulls = 0; pulls < 2; pulls += 1) popularity.countPlatform(nginx, 'linux/arm/v7');
    popularity.countPlatform(elsewhere, 'linux/amd64');
    await untilCounted(index, (names) => names.length === 3);
    const tags = await popularity.tags(10);
    assert.partialDeepStrictEqual(tags, [elsewhere, tagOf('1'), tagOf('v2')]);
    assertAbout(tags[0]?.pulls, 5);
    assertAbout(tags[1]?.pulls, 3);
    assert.deepEqual(
      (await popularity.tags(2)).map(({ tag, upstream }) => [upstream, tag]),
      [
        ['localhost:5000', '1'],
        ['docker.io', '1'],
      ],
    );
    assert.deepEqual(await popularity.tags(0), []);
    const platforms = await popularity.platforms(10);
    assert.partialDeepStrictEqual(platforms, [
      { ...nginx, platform: 'linux/arm/v7' },
      { ...repositoryKey('localhost:5000', 'a/b'), platform: 'linux/amd64' },
    ]);
    assertAbout(platforms[0]?.pulls, 2);
  },

  async 'new pulls are added to earlier ones'({ index }) {
    index.popularity.countTag(tagOf('1'));
    await untilCounted(index, (names) => names.length === 1);
    for (let pulls = 0; pulls < 9; pulls += 1) index.popularity.countTag(tagOf('1'));
    index.popularity.countTag(tagOf('2'));
    await untilCounted(index, (names) => names.length === 2);
    assertAbout((await index.popularity.tags(1))[0]?.pulls, 10);
  },

  async 'a new name replaces the least popular one when the ranking is full'({ index }) {
    const { popularity } = index;
    for (let name = 0; name < maxNames; name += 1)
      for (let pulls = 0; pulls < 2; pulls += 1) popularity.countTag(tagOf(`t${name}`));
    popularity.countTag(tagOf('t0'));
    await untilCounted(index, (names) => names.length === maxNames && names[0] === 't0');
    // Without the pulls of the old name, the next new name would replace this one immediately.
    popularity.countTag(tagOf('new'));
    await untilCounted(index, (names) => names.includes('new'));
    const ranked = await popularity.tags(maxNames);
    assert.equal(ranked.length, maxNames);
    assertAbout(ranked.find(({ tag }) => tag === 'new')?.pulls, 3);
    assert.ok(ranked.some(({ tag }) => tag === 't0'));
  },

  async 'an index that cannot answer counts nothing, and counting never fails'({ index, fail }) {
    index.popularity.countTag(tagOf('1'));
    await fail();
    index.popularity.countTag(tagOf('1'));
    index.popularity.countPlatform(nginx, 'linux/amd64');
  },
};
