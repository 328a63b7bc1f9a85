import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { ValueIndex } from '@cistern/index';
import { createTestIndex } from '@cistern/index/testing';
import { CacheError, isCacheError } from '@cistern/errors';
import { digestOf, parseReference, parseRepositoryName } from '@cistern/oci';
import { createMetrics } from '@cistern/telemetry';
import type { CallerCredentials } from '@cistern/upstream';
import { createTestSeal } from '../testing/test-seal.ts';
import type { AccessQuestion } from './check-access.ts';
import { type AccessRequest, createVerifyAccess, type VerifyAccessDeps } from './verify-access.ts';

const ada: CallerCredentials = { kind: 'password', username: 'ada', password: 'password-of-ada' };
const bob: CallerCredentials = { kind: 'password', username: 'bob', password: 'password-of-bob' };
const repository = parseRepositoryName('team/secret');
const latest = { kind: 'manifest', reference: parseReference('latest') } as const;
const layer = { kind: 'blob', digest: digestOf(Buffer.from('layer')) } as const;
const minutesMs = 300_000;
const isDown = (error: unknown) => isCacheError(error, 'upstream-unreachable');
const isRefused = (error: unknown) => isCacheError(error, 'unauthenticated');

/** Applies no limit, because other tests cover the limits. */
const begin = async () => ({ remainingMs: 0, async takeBack() {} });

async function unavailable(): Promise<never> {
  throw new CacheError('index-unavailable', 'away');
}

function start(over: Partial<VerifyAccessDeps> = {}) {
  const clock = { nowMs: 1_700_000_000_000 };
  const now = () => clock.nowMs;
  const checks: AccessQuestion[] = [];
  const settings = { url: 'https://private.test', rememberMs: minutesMs };
  const upstream = {
    async answer({ caller }: AccessQuestion): Promise<void> {
      if (caller !== ada) throw new CacheError('unauthenticated', 'wrong credentials');
    },
  };
  const { values } = createTestIndex({ now });
  const puts: string[] = [];
  const recorded: ValueIndex = {
    ...values,
    async put(name, value, ttlMs) {
      puts.push(name, value);
      await values.put(name, value, ttlMs);
    },
  };
  const startNode = (more: Partial<VerifyAccessDeps> = {}) => {
    const verify = createVerifyAccess({
      verifiedOf: (name) => (name === 'private.test' ? settings : undefined),
      async check(question) {
        checks.push(question);
        await upstream.answer(question);
        return { isProven: question.caller.kind !== 'anonymous' };
      },
      tries: { guesses: { remainingMs: async () => 0, begin }, questions: { begin } },
      values: recorded,
      seal: createTestSeal('secret'),
      secret: 'secret of the cluster',
      metrics: createMetrics(),
      now,
      ...over,
      ...more,
    });
    return (caller: CallerCredentials | undefined, more_: Partial<AccessRequest> = {}) =>
      verify({ upstream: 'private.test', repository, subject: latest, caller, ...more_ });
  };
  return { clock, checks, settings, upstream, puts, values: recorded, startNode, verify: startNode() };
}

test('a grant holds for the whole repository, for its period, and only for that caller', async () => {
  const { verify, checks, clock } = start();
  await verify(ada);
  clock.nowMs += minutesMs - 1;
  for (const subject of [latest, layer, { kind: 'tags' } as const]) await verify(ada, { subject });
  assert.equal(checks.length, 1);
  for (const caller of [bob, { ...ada, password: 'other' }, { kind: 'anonymous' } as const, undefined])
    await assert.rejects(verify(caller), isRefused);
  await verify(ada, { repository: parseRepositoryName('team/other') });
  assert.equal(checks.length, 5);
  clock.nowMs += 1;
  await verify(ada);
  assert.equal(checks.length, 6);
});

test('a grant ends when the URL of the upstream changes, and when a shorter period has passed', async () => {
  const { verify, startNode, settings, checks, clock, upstream } = start();
  await verify(ada);
  clock.nowMs += minutesMs / 2;
  settings.rememberMs = minutesMs / 2 + 1;
  for (const read of [verify, startNode()]) await read(ada);
  assert.equal(checks.length, 1);
  settings.rememberMs = minutesMs / 2;
  for (const read of [verify, startNode()]) await read(ada);
  assert.equal(checks.length, 2);
  settings.url = 'https://other.test';
  upstream.answer = async () => Promise.reject(new CacheError('denied', 'not here'));
  for (const read of [verify, startNode()]) await assert.rejects(read(ada), (error) => isCacheError(error, 'denied'));
});

test('a caller that may list tags is checked again for content', async () => {
  const { verify, checks } = start();
  await verify(ada, { subject: { kind: 'tags' } });
  await verify(ada, { subject: { kind: 'tags' } });
  assert.equal(checks.length, 1);
  await verify(ada, { subject: layer });
  assert.equal(checks.length, 2);
});

test('an upstream without verification gets no checks', async () => {
  const { verify, checks } = start();
  await verify(undefined, { upstream: 'public.test' });
  assert.equal(checks.length, 0);
});

test('a caller whose upstream is no longer verified is refused, because no registry has accepted the caller', async () => {
  const { verify, checks } = start();
  await assert.rejects(verify(ada, { upstream: 'public.test' }), (error) => isCacheError(error, 'overloaded'));
  assert.equal(checks.length, 0);
});

test('a question has the URL of the registry that must answer', async () => {
  const { verify, checks, settings } = start();
  await verify(ada);
  assert.deepEqual(
    checks.map(({ url }) => url),
    [settings.url],
  );
});

test('nodes share the callers that an upstream has accepted, without their names or passwords', async () => {
  const { verify, startNode, checks, puts } = start();
  await verify(ada);
  await startNode()(ada);
  assert.equal(checks.length, 1);
  await assert.rejects(startNode()(bob), isRefused);
  assert.doesNotMatch(puts.join('\n'), /ada|password/);
  // Another secret results in another key.
  await startNode({ secret: 'secret of another cluster' })(ada);
  assert.equal(checks.length, 3);
});

test('a forged grant in the index authorizes no caller', async () => {
  const { startNode, values, puts, verify, clock } = start();
  await verify(ada);
  const [name = ''] = puts;
  clock.nowMs += minutesMs;
  const forged = JSON.stringify({ schema: 1, untilMs: clock.nowMs + minutesMs });
  const checks: unknown[] = [];
  const refusing = {
    async check(question: unknown) {
      checks.push(question);
      return { isProven: false };
    },
  };
  for (const value of [forged, `${'0'.repeat(64)}${forged}`, createTestSeal('secret').close('elsewhere', forged)]) {
    await values.put(name, value, minutesMs);
    await startNode(refusing)(ada);
  }
  assert.equal(checks.length, 3);
});

test('while an upstream is unavailable, accepted callers keep access until their grants expire, and others get none', async () => {
  const { verify, upstream, clock } = start();
  await verify(ada);
  upstream.answer = async () => {
    throw new CacheError('upstream-unreachable', 'down', { retryable: true });
  };
  clock.nowMs += minutesMs - 1;
  await verify(ada);
  await assert.rejects(verify(bob), isDown);
  clock.nowMs += 1;
  await assert.rejects(verify(ada), isDown);
});

test('a newer grant of another node holds after the grant of this node has expired', async () => {
  const { verify, startNode, upstream, checks, clock } = start();
  const other = startNode();
  await verify(ada);
  await other(ada);
  clock.nowMs += minutesMs;
  await other(ada);
  upstream.answer = async () => {
    throw new CacheError('upstream-unreachable', 'down', { retryable: true });
  };
  await verify(ada);
  assert.equal(checks.length, 2);
  clock.nowMs += minutesMs;
  await assert.rejects(verify(ada), isDown);
});

test('an unavailable index authorizes no caller, and rejects no caller that the upstream accepts', async () => {
  const { verify, checks } = start({ values: { get: unavailable, put: unavailable, remove: unavailable } });
  await verify(ada);
  await verify(ada);
  await assert.rejects(verify(bob), isRefused);
  assert.equal(checks.length, 2);
});

test('a refusal is remembered for two seconds, and a wrong password for ten', async () => {
  const { verify, checks, upstream, clock } = start();
  await assert.rejects(verify(undefined), isRefused);
  await assert.rejects(verify(undefined), isRefused);
  await assert.rejects(verify(bob), isRefused);
  assert.equal(checks.length, 2);
  clock.nowMs += 2_001;
  await assert.rejects(verify(undefined), isRefused);
  await assert.rejects(verify(bob), isRefused);
  assert.equal(checks.length, 3);
  clock.nowMs += 8_000;
  upstream.answer = async () => {};
  await verify(bob);
  assert.equal(checks.length, 4);
});

test('concurrent checks share a result, and a client that leaves does not end them', async () => {
  const { verify, checks, upstream } = start();
  const { promise, resolve } = Promise.withResolvers<void>();
  upstream.answer = () => promise;
  const leaving = new AbortController();
  const first = verify(ada, { signal: leaving.signal });
  const others = [verify(ada), verify(ada)];
  await delay(1);
  leaving.abort(new Error('left'));
  await assert.rejects(first, /left/);
  resolve();
  await Promise.all(others);
  assert.equal(checks.length, 1);
});
