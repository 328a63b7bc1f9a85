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
const anybody: CallerCredentials = { kind: 'anonymous' };

const login = (username: string, password: string): CallerCredentials => ({ kind: 'password', username, password });
const ada = login('ada', 'right');

async function start() {
  const clock = { nowMs: Date.now() };
  const now = () => clock.nowMs;
  const { values } = createTestIndex({ now });
  const asked: AccessQuestion[] = [];
  const metrics = createMetrics({ upstreams: ['private.test'] });
  /** Everyone may read `public/…`, without a check. Passwords that begin with `right` may read all but `forbidden/…`. */
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
      rememberMsOf: () => 300_000,
      async check(question) {
        asked.push(question);
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
  return { clock, asked, upstream, startNode, limitedCount, ask: await startNode() };
}

type Ask = Awaited<ReturnType<typeof start>>['ask'];

async function guess(ask: Ask, count: number, network = here): Promise<string[]> {
  const results: string[] = [];
  for (let at = 0; at < count; at += 1) results.push(await ask(login('ada', `guess ${at}`), network));
  return results;
}

test('ten of three hundred guesses at one account reach the upstream, one by one or together', async () => {
  const { ask, asked, limitedCount } = await start();
  const results = await guess(ask, 300);
  assert.deepEqual(results.slice(9, 11), ['unauthenticated', 'client-rate-limited']);
  assert.equal(asked.length, 10);
  assert.equal(await limitedCount(), 290);
  const atOnce = await start();
  await Promise.all(Array.from({ length: 300 }, (_, at) => atOnce.ask(login('ada', `guess ${at}`))));
  assert.equal(atOnce.asked.length, 10);
});

test('guesses that are sent for two repositories at the same time are limited too', async () => {
  const { ask, asked } = await start();
  await Promise.all(
    Array.from({ length: 300 }, (_, at) =>
      ['team/one', 'team/two'].map((name) => ask(login('ada', `guess ${at}`), here, name)),
    ).flat(),
  );
  assert.equal(new Set(asked.map(({ caller }) => JSON.stringify(caller))).size, 10);
});

test('an account may have many right passwords at the same time, such as tokens of jobs', async () => {
  const { ask } = await start();
  const results = await Promise.all(Array.from({ length: 60 }, (_, at) => ask(login('ci', `right ${at}`))));
  assert.deepEqual(new Set(results), new Set(['allowed']));
});

test('a hundred guesses of one network at made-up accounts reach the upstream', async () => {
  const { ask, asked } = await start();
  for (let at = 0; at < 150; at += 1) await ask(login(`user-${at}`, 'x'), '2001:db8:0:1::/64');
  assert.equal(asked.length, 100);
  assert.equal(await ask(login('ada', 'right'), '2001:db8:0:2::/64'), 'allowed');
});

test('a refusal has the reason and the time', async () => {
  const tries = await openCallerTries(undefined, log);
  const verify = createVerifyAccess({
    rememberMsOf: () => 300_000,
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
  const { ask, startNode, asked } = await start();
  const other = await startNode();
  assert.equal(await ask(ada), 'allowed');
  for (const node of [ask, other]) assert.ok((await guess(node, 12)).includes('client-rate-limited'));
  const before = asked.length;
  for (const node of [ask, other]) {
    assert.equal(await node(ada), 'allowed');
    assert.equal(await node(ada, here, `team/new-${before}`), 'allowed');
  }
  assert.equal(await ask(anybody, here, 'public/app'), 'allowed');
});

test('the owner of an account is not locked out elsewhere, and a locked-out guesser cannot use the right password', async () => {
  const { ask } = await start();
  assert.equal(await ask(ada, elsewhere), 'allowed');
  await guess(ask, 10);
  assert.equal(await ask(ada), 'client-rate-limited');
  assert.equal(await ask(ada, elsewhere), 'allowed');
});

test('the same wrong password counts as one guess for many repositories', async () => {
  const { ask, asked } = await start();
  for (let at = 0; at < 50; at += 1) await ask(login('ada', 'old'), here, `team/app-${at}`);
  for (let at = 0; at < 50; at += 1) assert.equal(await ask(ada, here, `forbidden/app-${at}`), 'denied');
  assert.equal(asked.length, 100);
  assert.equal(await ask(ada), 'allowed');
});

test('simultaneous checks of many repositories with a right password are not guesses', async () => {
  const { ask } = await start();
  const results = await Promise.all(Array.from({ length: 30 }, (_, at) => ask(ada, here, `team/app-${at}`)));
  assert.deepEqual(new Set(results), new Set(['allowed']));
  assert.equal((await guess(ask, 12)).filter((one) => one === 'unauthenticated').length, 10);
});

test('an access without a check of the password does not reset the guesses', async () => {
  const { ask, asked } = await start();
  for (let at = 0; at < 30; at += 1) {
    await ask(login('ada', `guess ${at}`), here, 'public/app');
    await ask(login('ada', `guess ${at}`));
  }
  assert.equal(asked.filter(({ repository }) => repository === 'team/secret').length, 10);
});

test('a check without an answer of the upstream is not a guess, and does not reset guesses', async () => {
  const { ask, asked, upstream } = await start();
  const { answer } = upstream;
  upstream.answer = async (question) => {
    if (question.repository.startsWith('broken/')) throw new CacheError('upstream-unreachable', 'away');
    return answer(question);
  };
  for (let at = 0; at < 30; at += 1) await ask(login('ada', `guess ${at}`), here, 'broken/app');
  assert.equal(asked.length, 30);
  for (let at = 0; at < 30; at += 1) {
    const caller = login('ada', `guess ${at}`);
    await ask(caller);
    await Promise.all([ask(caller, here, 'broken/one'), ask(caller, here, 'broken/two')]);
  }
  assert.equal(asked.filter(({ repository }) => repository === 'team/secret').length, 10);
});

test('anonymous checks of one network are limited, too', async () => {
  const { ask, asked } = await start();
  let limited = 0;
  for (let at = 0; at < 3_010; at += 1)
    if ((await ask(anybody, here, `public/app-${at}`)) === 'client-rate-limited') limited += 1;
  assert.deepEqual([asked.length, limited], [3_000, 10]);
  assert.equal(await ask(anybody, here, 'public/app-1'), 'allowed', 'remembered');
  assert.equal(await ask(anybody, elsewhere, 'public/app-3005'), 'allowed');
});
