// Questions that a worker asks upstreams in callers' names: how many it has in hand, and whose wait for whom.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { isCacheError } from '@cistern/errors';
import { parseReference, parseRepositoryName, type RepositoryName } from '@cistern/oci';
import type { Upstream } from '@cistern/upstream';
import { createCheckAccess } from './check-access.ts';

const subject = { kind: 'manifest', reference: parseReference('latest') } as const;

function start(answerMs = 10) {
  const asked: RepositoryName[] = [];
  let inHand = 0;
  let peak = 0;
  const upstreamOf = (name: string): [string, Upstream] => {
    const checkAccess: Upstream['checkAccess'] = async (repository) => {
      asked.push(repository);
      peak = Math.max(peak, (inHand += 1));
      await delay(name === 'slow.test' ? answerMs : 0);
      inHand -= 1;
      return { isProven: true };
    };
    return [name, { name, checkAccess } as Upstream];
  };
  const upstreams = new Map([upstreamOf('slow.test'), upstreamOf('quick.test')]);
  const check = createCheckAccess({ upstreams, now: Date.now });
  const ask = async (network: string, at: number | string, upstream = 'slow.test') => {
    const repository = parseRepositoryName(`team/app-${at}`);
    try {
      await check({ upstream, repository, subject, caller: { kind: 'token', token: network }, network });
      return 'allowed';
    } catch (error) {
      return isCacheError(error) ? error.kind : String(error);
    }
  };
  return { asked, ask, peak: () => peak };
}

test('a network has four questions at an upstream at a time, and a hundred that wait', async () => {
  const { ask, peak } = start();
  const results = await Promise.all(Array.from({ length: 150 }, (_, at) => ask('192.0.2.1', at)));
  assert.equal(peak(), 4);
  assert.equal(results.filter((one) => one === 'overloaded').length, 150 - 104);
});

test('an upstream is asked thirty-two questions at a time, by networks in turn', async () => {
  const { ask, asked, peak } = start();
  const floods = Array.from({ length: 20 }, (_, network) =>
    Array.from({ length: 20 }, (__, at) => ask(`192.0.2.${network}`, `${network}-${at}`)),
  ).flat();
  const late = ask('198.51.100.1', 'late');
  await Promise.all([...floods, late]);
  assert.equal(peak(), 32);
  assert.ok(asked.indexOf(parseRepositoryName('team/app-late')) <= 32 + 20);
});

test('questions for a slow upstream keep those for another one waiting for nothing', async () => {
  const { ask, asked } = start(60_000);
  const slow = Array.from({ length: 100 }, (_, at) => ask(`192.0.2.${at}`, at));
  assert.equal(await ask('192.0.2.1', 'quick', 'quick.test'), 'allowed');
  assert.equal(asked.length, 33);
  // After so long a frontend waits no more.
  const results = await Promise.all(slow);
  assert.equal(results.filter((one) => one === 'overloaded').length, 100 - 32);
});

test('the same question of one caller is asked once at a time', async () => {
  const { ask, asked } = start();
  assert.deepEqual(await Promise.all([ask('192.0.2.1', 1), ask('192.0.2.1', 1)]), ['allowed', 'allowed']);
  assert.equal(asked.length, 1);
});
