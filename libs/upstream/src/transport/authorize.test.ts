// Repositories of one upstream may require different proofs, or none. A failure of one repository does not affect
// others.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { until } from '@cistern/runtime/testing';
import { fixedCredentials } from '../credentials/credential-source.ts';
import { basic, type Guard, startGuardedRegistry as open } from '../testing/start-guarded-registry.ts';

const credentials = [fixedCredentials('main', { username: 'me', password: 's3cret' })];

const byPassword: Guard = { challenge: 'Basic realm="x"', accepts: (authorization) => authorization === basic };
const byToken = (realm: string, repository: string): Guard => ({
  challenge: `Bearer realm="${realm}/token",service="x"`,
  accepts: (authorization) => authorization === `Bearer token-for-${repository}`,
});
const acceptsNothing = () => false;
const refusing: Guard = { challenge: 'Basic realm="x"', accepts: acceptsNothing };
const fourRefusing = { a: refusing, b: refusing, c: refusing, d: refusing };

test('a repository that requires Basic without an account does not affect other repositories', async (t) => {
  const { proofsOf, refuses } = await open(t, {
    guards: (realm) => ({ private: byPassword, 'public/by-token': byToken(realm, 'public/by-token') }),
  });
  await refuses('private');
  assert.deepEqual(await proofsOf('public/app'), [undefined]);
  assert.deepEqual(await proofsOf('public/by-token'), [undefined, 'Bearer token-for-public/by-token']);
  await refuses('private');
  assert.deepEqual(await proofsOf('public/by-token'), ['Bearer token-for-public/by-token'], 'no further round trip');
});

test('a repository whose token server is not trusted does not affect other repositories', async (t) => {
  const { proofsOf, refuses } = await open(t, {
    guards: () => ({ elsewhere: { challenge: 'Bearer realm="https://token.example/"', accepts: acceptsNothing } }),
  });
  await refuses('elsewhere');
  assert.deepEqual(await proofsOf('public/app'), [undefined]);
});

for (const status of [401, 403, 404, 503])
  test(`a repository whose token server answers ${status} does not affect other repositories`, async (t) => {
    const { pull, proofsOf, tokenServer } = await open(t, {
      guards: (realm) => ({ private: byToken(realm, 'private'), good: byToken(realm, 'good') }),
      tokenStatus: (scope) => (scope.includes('private') ? status : 200),
    });
    for (let call = 0; call < 5; call += 1) await assert.rejects(pull('private'));
    assert.deepEqual(await proofsOf('public/app'), [undefined]);
    await proofsOf('good');
    const before = tokenServer.requests.length;
    await assert.rejects(pull('private'));
    const isRemembered = status === 503;
    assert.equal(tokenServer.requests.length - before, isRemembered ? 0 : 1, 'requests for a token');
    assert.deepEqual(await proofsOf('good'), ['Bearer token-for-good']);
  });

for (const status of [403, 429, 500, 503])
  test(`a scheme that was answered ${status} is not the first try for other repositories`, async (t) => {
    const time = { nowMs: Date.now() };
    const unsure: Guard = { ...byPassword, status: () => status };
    const { pull, proofsOf } = await open(
      t,
      { guards: (realm) => ({ unsure, good: byToken(realm, 'good') }) },
      { credentials, clock: () => time.nowMs },
    );
    await pull('good');
    await assert.rejects(pull('unsure'));
    // After a 429 no requests are sent for some seconds.
    time.nowMs += 14_000;
    assert.deepEqual(await proofsOf('good'), ['Bearer token-for-good']);
  });

test('a request is sent without a token if the known token server issues none', async (t) => {
  const { proofsOf } = await open(t, {
    guards: (realm) => ({ good: byToken(realm, 'good') }),
    tokenStatus: (scope) => (scope.includes('good') ? 200 : 503),
  });
  await proofsOf('good');
  assert.deepEqual(await proofsOf('public/app'), [undefined], 'the repository needs no token');
});

test('a repository that refuses the account does not affect public repositories', async (t) => {
  const { proofsOf, refuses } = await open(
    t,
    {
      guards: (realm) => ({
        'other-team': refusing,
        'by-token': byToken(realm, 'by-token'),
      }),
    },
    { credentials },
  );
  await refuses('other-team');
  assert.deepEqual(await proofsOf('public/app'), [undefined]);
  assert.deepEqual(await proofsOf('by-token'), [undefined, 'Bearer token-for-by-token']);
});

test('a refusal of credentials that the registry has accepted affects only one repository', async (t) => {
  const { proofsOf, refuses, server } = await open(
    t,
    { guards: () => ({ 'other-team': refusing, ours: byPassword }) },
    { credentials },
  );
  assert.deepEqual(await proofsOf('ours'), [undefined, basic]);
  for (let calls = 0; calls < 3; calls += 1) {
    await refuses('other-team');
    assert.deepEqual(await proofsOf('ours'), [basic]);
  }
  const shown = server.requests.filter(
    ({ path, headers }) => path.includes('other-team') && headers.authorization === basic,
  );
  assert.equal(shown.length, 1, 'refused credentials are not sent again to that repository');
});

test('Basic and bearer repositories of one upstream are pulled alternately', async (t) => {
  const { proofsOf } = await open(
    t,
    { guards: (realm) => ({ basic: byPassword, bearer: byToken(realm, 'bearer') }) },
    { credentials },
  );
  for (let turns = 0; turns < 2; turns += 1) {
    assert.equal((await proofsOf('basic')).at(-1), basic);
    assert.equal((await proofsOf('bearer')).at(-1), 'Bearer token-for-bearer');
  }
});

test('an account that the token server refuses still works for a repository with Basic', async (t) => {
  const { proofsOf, refuses } = await open(
    t,
    { guards: (realm) => ({ basic: byPassword, bearer: byToken(realm, 'bearer') }), tokenStatus: () => 401 },
    { credentials },
  );
  await refuses('bearer');
  assert.deepEqual(await proofsOf('basic'), [undefined, basic]);
  await refuses('bearer');
  assert.deepEqual(await proofsOf('basic'), [basic]);
});

test('a password that the registry no longer accepts is sent three times in half a minute', async (t) => {
  const time = { nowMs: Date.now() };
  const valid = { now: true };
  const ours: Guard = { ...byPassword, accepts: (authorization) => valid.now && authorization === basic };
  const repositories = Array.from({ length: 20 }, (_, index) => `ours/${index}`);
  const guards = () => Object.fromEntries(repositories.map((repository) => [repository, ours]));
  const { pull, refuses, shown } = await open(t, { guards }, { credentials, clock: () => time.nowMs });
  for (const repository of repositories) await pull(repository);
  const before = shown();
  valid.now = false;
  for (let turns = 0; turns < 2; turns += 1) for (const repository of repositories) await refuses(repository);
  assert.equal(shown() - before, 3);
  time.nowMs += 30_000;
  for (const repository of repositories) await refuses(repository);
  assert.equal(shown() - before, 6, 'the registry may accept it by now');
  valid.now = true;
  time.nowMs += 30_000;
  for (const repository of repositories) await pull(repository);
});

test('an acceptance between refusals resets their count', async (t) => {
  const { proofsOf, refuses } = await open(
    t,
    { guards: () => ({ ours: byPassword, ...fourRefusing }) },
    { credentials },
  );
  for (const repository of ['a', 'b', 'c', 'd']) {
    await refuses(repository);
    assert.equal((await proofsOf('ours')).at(-1), basic);
  }
});

test('repeated refusals for one repository do not affect another repository', async (t) => {
  const time = { nowMs: Date.now() };
  const { proofsOf, refuses } = await open(
    t,
    { guards: () => ({ bad: refusing, good: byPassword }) },
    { credentials, clock: () => time.nowMs },
  );
  for (let polls = 0; polls < 7; polls += 1) {
    await refuses('bad');
    assert.equal((await proofsOf('good')).at(-1), basic);
    time.nowMs += 10_000;
  }
});

for (const [status, counts] of [
  [403, false],
  [404, true],
  [429, false],
  [503, false],
] as const)
  test(`an answer of ${status} ${counts ? 'counts' : 'does not count'} as an acceptance of the password`, async (t) => {
    const time = { nowMs: Date.now() };
    const unsure: Guard = { ...byPassword, status: () => status };
    const { pull, refuses, shown } = await open(
      t,
      { guards: () => ({ unsure, ...fourRefusing }) },
      { credentials, clock: () => time.nowMs },
    );
    const pullUnsure = async (): Promise<void> => {
      await assert.rejects(pull('unsure'));
      // After a 429 no requests are sent for some seconds.
      time.nowMs += 14_000;
    };
    await pullUnsure();
    await refuses('a');
    await refuses('b');
    await pullUnsure();
    await refuses('c');
    const before = shown();
    await refuses('d');
    assert.equal(shown() - before, counts ? 1 : 0, 'three refusals in a row stop the password');
  });

for (const [status, kind] of [
  [403, 'denied'],
  [404, 'manifest-unknown'],
  [410, 'manifest-unknown'],
] as const)
  test(`a ${status} to a request without its proof is not final`, async (t) => {
    const time = { nowMs: Date.now() };
    const tokenServer = { status: 200 };
    const hidden: Guard = { challenge: '', accepts: () => true, status: () => status };
    const { pull, proofsOf } = await open(
      t,
      { guards: (realm) => ({ good: byToken(realm, 'good'), hidden }), tokenStatus: () => tokenServer.status },
      { clock: () => time.nowMs },
    );
    await assert.rejects(pull('hidden'), (error) => isCacheError(error, kind), 'no token server is known yet');
    await proofsOf('good');
    tokenServer.status = 503;
    for (let calls = 0; calls < 2; calls += 1)
      await assert.rejects(pull('hidden'), (error) => isCacheError(error, 'upstream-unreachable'));
    assert.deepEqual(await proofsOf('public/app'), [undefined], 'a public repository needs no proof');
    tokenServer.status = 200;
    time.nowMs += 2_000;
    await assert.rejects(pull('hidden'), (error) => isCacheError(error, kind));
  });

test('a request that needs no scheme does not remove the scheme that another request has found', async (t) => {
  const gate = Promise.withResolvers<void>();
  const slow: Guard = { challenge: '', accepts: () => true, wait: gate.promise };
  const { pull, proofsOf, server } = await open(
    t,
    { guards: () => ({ 'public/slow': slow, ours: byPassword }) },
    { credentials },
  );
  const pulled = pull('public/slow');
  await until(() => server.requests.length === 1);
  assert.deepEqual(await proofsOf('ours'), [undefined, basic]);
  gate.resolve();
  await pulled;
  assert.deepEqual(await proofsOf('ours'), [basic]);
});
