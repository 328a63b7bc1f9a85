import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plotBudget } from './plot-budget.ts';
import { simulateBudget } from './simulate-budget.ts';

const options = { seed: 7, hours: 8, images: 24, pullsPerMinute: 4, pullsPerWindow: 12, ttlMs: 60_000 };

test('with a tight limit no client is refused cached content, and no manifest is fetched twice', async () => {
  const result = await simulateBudget(options);
  const { total, manifestGets, digestsSeen, pulls, samples } = result;
  assert.ok(pulls > 1500, `${pulls} pulls`);
  assert.equal(total.refusedCached, 0);
  assert.equal(total.failed, 0);
  assert.ok(total.stale > 0 && total.refusedCold > 0, 'the limit had an effect');
  assert.ok(manifestGets <= digestsSeen, `${manifestGets} GETs of ${digestsSeen} digests`);
  assert.ok(manifestGets <= 2 * options.pullsPerWindow);
  assert.equal(samples.length, 32);
  const picture = plotBudget(options, result);
  assert.match(picture, /^<svg [^]*<\/svg>\n$/);
  assert.doesNotMatch(picture, /NaN|undefined/);
});
