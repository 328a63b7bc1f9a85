// real-time: each run installs a world of its own
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { replaceModules } from '../../nodes/replace-modules.ts';
import { installWorld } from '../../world/install.ts';

installWorld();
replaceModules();
const { runWorld } = await import('../run-world.ts');
const { describeRun } = await import('../describe-run.ts');
const { manifestScenario } = await import('./manifest-scenario.ts');

/** Each of these happens in some of the runs. */
const events = {
  'an image is pulled': / served$/,
  'an upstream rejects a caller': /private\.example\S+ as ada (?:never:n|unknown:u|undefined): not served$/,
  'a rule denies a pull': /"denied":"rule \d denies/,
  'a token is for another repository': /"denied":"the access token is not for/,
  'rights are revoked': /sometimes and ben are refused$/,
  'users are reloaded': /"users":2,"msg":"loaded users"/,
  'content of another repository is requested': /^thief \d requests /,
  'a tag moves': /moves to sha256:/,
  'an image is purged': /"purged":{"tags":[1-9]/,
  'space is freed': /"evicted least recently pulled blobs"/,
  'the index is rebuilt': /"rebuilt index from store"/,
};
const seeds = [69, 70, 108];
/** Its users send tokens, which threads verify. */
const repeated = 69;

test('a seed decides all events, no invariant breaks, and the runs cover all expected events', async () => {
  const unseen = new Set(Object.keys(events));
  const markSeen = (text: string) => {
    for (const [name, pattern] of Object.entries(events)) if (pattern.test(text)) unseen.delete(name);
  };
  const hashes = new Set<number>();
  for (const seed of seeds) {
    const first = await runWorld(manifestScenario, seed, { onTrace: (_atMs, text) => markSeen(text) });
    assert.ok(first.problems.length === 0, describeRun('manifests', first));
    if (seed === repeated) {
      const second = await runWorld(manifestScenario, seed);
      assert.deepEqual([second.hash, second.events], [first.hash, first.events]);
    }
    hashes.add(first.hash);
  }
  assert.equal(hashes.size, seeds.length);
  assert.deepEqual([...unseen], []);
});
