// Tests a worker's access checks at upstreams: how many run at the same time, and which wait in one queue.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { isCacheError } from '@cistern/errors';
import { parseReference, parseRepositoryName, type RepositoryName } from '@cistern/oci';
import type { Upstream } from '@cistern/upstream';
import { createCheckAccess } from './check-access.ts';

const subject = { kind: 'manifest', reference: parseReference('latest') } as const;

function start(answerMs = 10) {
  const checked: RepositoryName[] = [];
  let inHand = 0;
  let peak = 0;
  const upstreamOf = (name: string): [string, Upstream] => {
    const checkAccess: Upstream['checkAccess'] = async (repository) => {
      checked.push(repository);
      peak = Math.max(peak, (inHand += 1));
      await delay(name === 'slow.test' ? answerMs : 0);
      inHand -= 1;
      return { isProven: true };
    };
    return [name, { name, checkAccess } as Upstream];
  };
  const upstreams = new Map([upstreamOf('slow.test'), upstreamOf('quick.test')]);
  const settings = { url: 'https://one.test' };
  const check = createCheckAccess({ upstreams, urlOf: () => settings.url, now: Date.now });
  const request = async (network: string, at: number | string, upstream = 'slow.test', url?: string) => {
    const repository = parseRepositoryName(`team/app-${at}`);
    try {
      await check({ upstream, repository, subject, caller: { kind: 'token', token: network }, network, url });
      return 'allowed';
    } catch (error) {
      return isCacheError(error) ? error.kind : String(error);
    }
  };
  return { checked, request, settings, peak: () => peak };
}

test('a network has at most four checks at an upstream at a time, and a hundred waiting', async () => {
  const { request, peak } = start();
  const results = await Promise.all(Array.from({ length: 150 }, (_, at) => request('192.0.2.1', at)));
  assert.equal(peak(), 4);
  assert.equal(results.filter((one) => one === 'overloaded').length, 150 - 104);
});

test('an upstream gets at most thirty-two checks at a time, by networks in turn', async () => {
  const { request, checked, peak } = start();
  const floods = Array.from({ length: 20 }, (_, network) =>
    Array.from({ length: 20 }, (__, at) => request(`192.0.2.${network}`, `${network}-${at}`)),
  ).flat();
  const late = request('198.51.100.1', 'late');
  await Promise.all([...floods, late]);
  assert.equal(peak(), 32);
  assert.ok(checked.indexOf(parseRepositoryName('team/app-late')) <= 32 + 20);
});

test('checks for a slow upstream do not delay those for another', async () => {
  const { request, checked } = start(60_000);
  const slow = Array.from({ length: 100 }, (_, at) => request(`192.0.2.${at}`, at));
  assert.equal(await request('192.0.2.1', 'quick', 'quick.test'), 'allowed');
  assert.equal(checked.length, 33);
  // After this time, frontends no longer wait for the checks.
  const results = await Promise.all(slow);
  assert.equal(results.filter((one) => one === 'overloaded').length, 100 - 32);
});

test('concurrent equal checks of one caller are one request', async () => {
  const { request, checked } = start();
  assert.deepEqual(await Promise.all([request('192.0.2.1', 1), request('192.0.2.1', 1)]), ['allowed', 'allowed']);
  assert.equal(checked.length, 1);
});

test('only the registry with the URL of the question is asked', async () => {
  const { request, checked, settings } = start();
  const [one, two] = ['https://one.test', 'https://two.test'];
  const running = request('192.0.2.1', 1, 'slow.test', one);
  assert.equal(await request('192.0.2.1', 2, 'quick.test', two), 'overloaded');
  assert.equal(checked.length, 1);
  // A check that began before a reload answers no later question.
  settings.url = two;
  assert.equal(await request('192.0.2.1', 1, 'slow.test', two), 'allowed');
  assert.equal(await request('192.0.2.1', 1, 'slow.test', one), 'overloaded');
  assert.equal(checked.length, 2);
  assert.equal(await running, 'allowed');
});
