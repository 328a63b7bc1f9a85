import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { describeReplay, isAsPromised, ratio } from './describe-replay.ts';
import { plotReplay } from './plot-replay.ts';
import { type ReplayResult, type ReplaySimulation, policyNames, simulateReplay } from './simulate-replay.ts';

const options: ReplaySimulation = {
  seed: 7,
  tags: 300,
  pulls: 6000,
  days: 3,
  capacityShares: [0.05, 0.2, 1],
  prewarm: { topTags: 60, everyMs: 300_000, bytesPerSecond: 50e6 },
};
let result: ReplayResult;
before(async () => {
  result = await simulateReplay(options);
});

test('no policy exceeds the bound, and a policy that knows the future is near it', () => {
  for (const { bound, policies, capacityShare } of result.rows) {
    for (const name of policyNames) {
      const { requests, bytes } = policies[name];
      assert.ok(ratio(requests) <= bound.requests, `${name} hits more than is possible`);
      assert.ok(ratio(bytes) <= bound.bytes, `${name} hits more bytes than is possible`);
    }
    const [lru, best] = [ratio(policies.LRU.bytes), ratio(policies.Belady.bytes)];
    assert.ok(best >= lru, `${lru} by LRU, ${best} by Belady, at ${capacityShare}`);
  }
});

test('more space never costs LRU a hit, and with enough for everything each byte is fetched once', () => {
  const plain = result.rows.filter(({ prewarmed }) => !prewarmed);
  const hits = plain.map(({ policies }) => policies.LRU.requests.got);
  assert.deepEqual(
    hits,
    hits.toSorted((one, other) => one - other),
  );
  for (const name of policyNames.filter((policy) => policy !== 'LRU, small last')) {
    const { upstreamBytes, prewarmedBytes } = plain.at(-1)!.policies[name];
    assert.deepEqual([upstreamBytes, prewarmedBytes], [result.footprint, 0], name);
  }
});

test('prewarming turns misses on popular tags that moved into hits, and without it all of them miss', () => {
  const [plain, prewarmed] = [false, true].map((wanted) => result.rows.findLast((row) => row.prewarmed === wanted)!);
  assert.ok(plain!.policies.LRU.movedPopular.of > 20, 'popular tags moved');
  assert.equal(plain!.policies.LRU.movedPopular.got, 0);
  assert.ok(ratio(prewarmed!.policies.LRU.movedPopular) > 0.5);
  assert.ok(prewarmed!.policies.LRU.prewarmedBytes > 0);
});

test('the same seed gives the same replay', async () => {
  const small = { ...options, pulls: 500, capacityShares: [0.2] };
  assert.deepEqual(await simulateReplay(small), await simulateReplay(small));
  assert.notDeepEqual(await simulateReplay(small), await simulateReplay({ ...small, seed: 8 }));
});

test('the replay is described in a table and drawn', () => {
  assert.equal(typeof isAsPromised(result), 'boolean');
  assert.match(describeReplay(options, result), /^LRU +\d+\.\d %/m);
  const picture = plotReplay(options, result);
  assert.match(picture, /^<svg [^]*<\/svg>\n$/);
  assert.doesNotMatch(picture + describeReplay(options, result), /NaN|undefined/);
});
