// real-time: fresh seeds run until some seconds of the machine are over
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { replaceModules } from '../nodes/replace-modules.ts';
import { installWorld } from '../world/install.ts';
import { real } from '../world/real.ts';

installWorld();
replaceModules();
const { corpus } = await import('./corpus.ts');
const { describeRun } = await import('./describe-run.ts');
const { explore } = await import('./explore.ts');
const { runWorld } = await import('./run-world.ts');
const { scenarios } = await import('./scenarios.ts');

// eslint-disable-next-line node/no-process-env
const seconds = Number(process.env.SIM_SECONDS ?? 20);

for (const scenario of scenarios) {
  for (const { seed, named, found } of corpus[scenario.name] ?? [])
    test(`${scenario.name}, seed ${seed}: ${found}`, async () => {
      const result = await runWorld(scenario, seed, { named });
      assert.ok(result.problems.length === 0, describeRun(scenario.name, result));
    });

  // Chosen seeds of `manifests` run in `manifests.test.ts`.
  if (scenario.name !== 'manifests')
    test(`${scenario.name}: a seed runs the same way each time`, async () => {
      for (const seed of [3, 4, 5]) {
        const [one, other] = [await runWorld(scenario, seed), await runWorld(scenario, seed)];
        assert.ok(one.events > 100);
        assert.deepEqual(one.problems, []);
        assert.deepEqual([one.hash, one.events], [other.hash, other.events]);
      }
    });

  test(`${scenario.name}: fresh seeds find nothing`, { timeout: 600_000 }, async (t) => {
    const firstSeed = Math.floor(real.Date.now() / 1000) * 1000;
    const untilMs = real.performanceNow() + (seconds * 1000) / scenarios.length;
    const continues = (_runs: number, failed: number) => failed === 0 && real.performanceNow() < untilMs;
    const { runs, failed } = await explore(scenario, { firstSeed, continues });
    t.diagnostic(`${runs} schedules from seed ${firstSeed} on`);
    assert.ok(runs > 0);
    for (const result of failed) assert.fail(describeRun(scenario.name, result));
  });
}
