// Guesses at passwords of an upstream that verifies callers: how many of them reach it, and their effect on other callers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestIndex } from '@cistern/index/testing';
import { CacheError, isCacheError } from '@cistern/errors';
import { parseReference, parseRepositoryName } from '@cistern/oci';
import { type AccessQuestion, createVerifyAccess } from '@cistern/pull-through';
import { createLogger, createMetrics } from '@cistern/telemetry';
import type { CallerCredentials } from '@cistern/upstream';
import { openCallerTries } from './open-caller-access.ts';
import { createSeal } from '@cistern/runtime';

const secret = 'the secret of this cluster';
const log = createLogger({ level: 'error', formatter: 'json', destination: { write() {} } });
const here = '192.0.2.1';
const elsewhere = '192.0.2.2';
const subject = { kind: 'manifest', reference: parseReference('latest') } as const;
const anonymous: CallerCredentials = { kind: 'anonymous' };

const login = (username: string, password: string): CallerCredentials => ({ kind: 'password', username, password });
const ada = login('ada', 'right');

async function start() {
  const clock = { nowMs: Date.now() };
  const now = () => clock.nowMs;
  const { values } = createTestIndex({ now });
  const upstreamChecks: AccessQuestion[] = [];
  const metrics = createMetrics({ upstreams: ['private.test'] });
  /**
   * All callers are allowed to read `public/…`, without a check of the password. A password that begins with `right` allows
   * everything but `forbidden/…`.
   */
  const upstream = {
    async answer({ repository, caller }: AccessQuestion): Promise<{ isProven: boolean }> {
      if (repository.startsWith('public/')) return { isProven: false };
      if (caller.kind !== 'password' || !caller.password.startsWith('right'))
        throw new CacheError('unauthenticated', 'no');
      if (repository.startsWith('forbidden/')) throw new CacheError('denied', 'no');
      return { isProven: true };
    },
  };
  const startNode = async () => {
    const verify = createVerifyAccess({
      verifiedOf: () => ({ url: 'https://private.test', rememberMs: 300_000 }),
      async check(question) {
        upstreamChecks.push(question);
        return upstream.answer(question);
      },
      tries: await openCallerTries(undefined, log),
      values,
      seal: createSeal(secret, 'access'),
      secret,
      metrics,
      now,
    });
    return async (caller: CallerCredentials, network = here, repository = 'team/secret') => {
      try {
        const key = { upstream: 'private.test', repository: parseRepositoryName(repository) };
        await verify({ ...key, subject, caller, network });
        return 'allowed';
      } catch (error) {
        assert.ok(isCacheError(error), String(error));
        return error.kind;
      }
    };
  };
  const limitedCount = async () =>
    (await metrics.accessChecks.get()).values.find(({ labels }) => labels.result === 'limited')?.value;
  return { clock, upstreamChecks, upstream, startNode, limitedCount, checkAccess: await startNode() };
}

type CheckAccess = Awaited<ReturnType<typeof start>>['checkAccess'];

async function guess(checkAccess: CheckAccess, count: number, network = here): Promise<string[]> {
  const results: string[] = [];
  for (let at = 0; at < count; at += 1) results.push(await checkAccess(login('ada', `guess ${at}`), network));
  return results;
}

test('ten of three hundred guesses at one account reach the upstream, one by one or together', async () => {
  const { checkAccess, upstreamChecks, limitedCount } = await start();
  const results = await guess(checkAccess, 300);
  assert.deepEqual(results.slice(9, 11), ['unauthenticated', 'client-rate-limited']);
  assert.equal(upstreamChecks.length, 10);
  assert.equal(await limitedCount(), 290);
  const atOnce = await start();
  await Promise.all(Array.from({ length: 300 }, (_, at) => atOnce.checkAccess(login('ada', `guess ${at}`))));
  assert.equal(atOnce.upstreamChecks.length, 10);
});

test('guesses that are sent for two repositories at the same time are limited too', async () => {
  const { checkAccess, upstreamChecks } = await start();
  await Promise.all(
    Array.from({ length: 300 }, (_, at) =>
      ['team/one', 'team/two'].map((name) => checkAccess(login('ada', `guess ${at}`), here, name)),
    ).flat(),
  );
  assert.equal(new Set(upstreamChecks.map(({ caller }) => JSON.stringify(caller))).size, 10);
});

test('an account may have many right passwords at the same time, such as tokens of jobs', async () => {
  const { checkAccess } = await start();
  const results = await Promise.all(Array.from({ length: 60 }, (_, at) => checkAccess(login('ci', `right ${at}`))));
  assert.deepEqual(new Set(results), new Set(['allowed']));
});

test('a hundred guesses of one network at made-up accounts reach the upstream', async () => {
  const { checkAccess, upstreamChecks } = await start();
  for (let at = 0; at < 150; at += 1) await checkAccess(login(`user-${at}`, 'x'), '2001:db8:0:1::/64');
  assert.equal(upstreamChecks.length, 100);
  assert.equal(await checkAccess(login('ada', 'right'), '2001:db8:0:2::/64'), 'allowed');
});

test('a refusal has the reason and the time', async () => {
  const tries = await openCallerTries(undefined, log);
  const verify = createVerifyAccess({
    verifiedOf: () => ({ url: 'https://private.test', rememberMs: 300_000 }),
    check: async () => Promise.reject(new CacheError('unauthenticated', 'no')),
    tries,
    values: createTestIndex({ now: Date.now }).values,
    seal: createSeal(secret, 'access'),
    secret,
    metrics: createMetrics(),
    now: Date.now,
  });
  const key = { upstream: 'private.test', repository: parseRepositoryName('team/secret'), subject, network: here };
  for (let at = 0; at < 10; at += 1) await verify({ ...key, caller: login('ada', `${at}`) }).catch(() => {});
  await assert.rejects(verify({ ...key, caller: ada }), (error) => {
    assert.ok(isCacheError(error, 'client-rate-limited'));
    assert.match(error.message, /Too many wrong passwords .* from your network.* "private\.test" .* in 10 min/);
    assert.ok(error.retryAfterMs !== undefined && error.retryAfterMs > 590_000);
    return true;
  });
});

test('an accepted caller keeps access, behind the same address and on every node', async () => {
  const { checkAccess, startNode, upstreamChecks } = await start();
  const other = await startNode();
  assert.equal(await checkAccess(ada), 'allowed');
  for (const node of [checkAccess, other]) assert.ok((await guess(node, 12)).includes('client-rate-limited'));
  const before = upstreamChecks.length;
  for (const node of [checkAccess, other]) {
    assert.equal(await node(ada), 'allowed');
    assert.equal(await node(ada, here, `team/new-${before}`), 'allowed');
  }
  assert.equal(await checkAccess(anonymous, here, 'public/app'), 'allowed');
});

test('the owner of an account is not locked out elsewhere, and a locked-out guesser cannot use the right password', async () => {
  const { checkAccess } = await start();
  assert.equal(await checkAccess(ada, elsewhere), 'allowed');
  await guess(checkAccess, 10);
  assert.equal(await checkAccess(ada), 'client-rate-limited');
  assert.equal(await checkAccess(ada, elsewhere), 'allowed');
});

test('the same wrong password counts as one guess for many repositories', async () => {
  const { checkAccess, upstreamChecks } = await start();
  for (let at = 0; at < 50; at += 1) await checkAccess(login('ada', 'old'), here, `team/app-${at}`);
  for (let at = 0; at < 50; at += 1) assert.equal(await checkAccess(ada, here, `forbidden/app-${at}`), 'denied');
  assert.equal(upstreamChecks.length, 100);
  assert.equal(await checkAccess(ada), 'allowed');
});

test('simultaneous checks of many repositories with a right password are not guesses', async () => {
  const { checkAccess } = await start();
  const results = await Promise.all(Array.from({ length: 30 }, (_, at) => checkAccess(ada, here, `team/app-${at}`)));
  assert.deepEqual(new Set(results), new Set(['allowed']));
  assert.equal((await guess(checkAccess, 12)).filter((one) => one === 'unauthenticated').length, 10);
});

test('an access without a check of the password does not reset the guesses', async () => {
  const { checkAccess, upstreamChecks } = await start();
  for (let at = 0; at < 30; at += 1) {
    await checkAccess(login('ada', `guess ${at}`), here, 'public/app');
    await checkAccess(login('ada', `guess ${at}`));
  }
  assert.equal(upstreamChecks.filter(({ repository }) => repository === 'team/secret').length, 10);
});

test('a check to which the upstream does not respond is not a guess, and does not reset guesses', async () => {
  const { checkAccess, upstreamChecks, upstream } = await start();
  const { answer } = upstream;
  upstream.answer = async (question) => {
    if (question.repository.startsWith('broken/')) throw new CacheError('upstream-unreachable', 'down');
    return answer(question);
  };
  for (let at = 0; at < 30; at += 1) await checkAccess(login('ada', `guess ${at}`), here, 'broken/app');
  assert.equal(upstreamChecks.length, 30);
  for (let at = 0; at < 30; at += 1) {
    const caller = login('ada', `guess ${at}`);
    await checkAccess(caller);
    await Promise.all([checkAccess(caller, here, 'broken/one'), checkAccess(caller, here, 'broken/two')]);
  }
  assert.equal(upstreamChecks.filter(({ repository }) => repository === 'team/secret').length, 10);
});

test('anonymous checks of one network are limited, too', async () => {
  const { checkAccess, upstreamChecks } = await start();
  let limited = 0;
  for (let at = 0; at < 3_010; at += 1)
    if ((await checkAccess(anonymous, here, `public/app-${at}`)) === 'client-rate-limited') limited += 1;
  assert.deepEqual([upstreamChecks.length, limited], [3_000, 10]);
  assert.equal(await checkAccess(anonymous, here, 'public/app-1'), 'allowed', 'remembered');
  assert.equal(await checkAccess(anonymous, elsewhere, 'public/app-3005'), 'allowed');
});
