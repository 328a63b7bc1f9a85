import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRepositoryName, parseTag } from '@cistern/oci';
import { halfLifeMs } from '../popularity.ts';
import { createPopularity } from './create-popularity.ts';

const nginx = { upstream: 'docker.io', repository: parseRepositoryName('library/nginx') };
const tagOf = (tag: string) => ({ ...nginx, tag: parseTag(tag) });

function startPopularity() {
  const clock = { nowMs: 1_700_000_000_000 };
  const popularity = createPopularity({ now: () => clock.nowMs, isAvailable: () => true, checkAvailable() {} });
  const count = (tag: string, pulls: number) => {
    for (let pull = 0; pull < pulls; pull += 1) popularity.countTag(tagOf(tag));
  };
  const ranked = async () => (await popularity.tags(10)).map(({ tag, pulls }) => [tag, Math.round(pulls * 100) / 100]);
  return { clock, count, ranked };
}

test('a pull loses half its weight in a day, and new pulls overtake old ones', async () => {
  const { clock, count, ranked } = startPopularity();
  count('old', 8);
  clock.nowMs += halfLifeMs;
  count('new', 3);
  assert.deepEqual(await ranked(), [
    ['old', 4],
    ['new', 3],
  ]);
  clock.nowMs += halfLifeMs;
  count('new', 1);
  assert.deepEqual(await ranked(), [
    ['new', 2.5],
    ['old', 2],
  ]);
});

test('the score does not overflow after years of pulls', async () => {
  const { clock, count, ranked } = startPopularity();
  for (let day = 0; day < 3650; day += 1) {
    count('daily', 1);
    clock.nowMs += halfLifeMs;
  }
  count('daily', 1);
  assert.deepEqual(await ranked(), [['daily', 2]]);
});
