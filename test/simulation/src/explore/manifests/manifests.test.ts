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
const byToken = 'a token is for another repository';
/** The rarest event is in about one run of 20. Which runs show it changes with each request that a node makes. */
const maxSeeds = 100;

test('a seed decides all events, no invariant breaks, and the runs cover all expected events', async () => {
  const unseen = new Set(Object.keys(events));
  const markSeen = (text: string) => {
    for (const [name, pattern] of Object.entries(events)) if (pattern.test(text)) unseen.delete(name);
  };
  const hashes = new Set<number>();
  for (let seed = 1; unseen.size > 0 && seed <= maxSeeds; seed += 1) {
    const tokensUnseen = unseen.has(byToken);
    const first = await runWorld(manifestScenario, seed, { onTrace: (_atMs, text) => markSeen(text) });
    assert.ok(first.problems.length === 0, describeRun('manifests', first));
    // Threads verify tokens, so such a run has the most to repeat.
    if (tokensUnseen && !unseen.has(byToken)) {
      const second = await runWorld(manifestScenario, seed);
      assert.deepEqual([second.hash, second.events], [first.hash, first.events]);
    }
    hashes.add(first.hash);
  }
  assert.deepEqual([...unseen], []);
  assert.ok(hashes.size > 1);
});
