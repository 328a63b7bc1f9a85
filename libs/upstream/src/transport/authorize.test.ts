// Repositories of one upstream may ask for different proofs, or for none. A failure of one of them does not affect others.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { parseReference, parseRepositoryName } from '@cistern/oci';
import { fixedCredentials } from '../credentials/credential-source.ts';
import type { OpenUpstreamOptions } from '../open-upstream-options.ts';
import { openOn, sendJson, startServer } from '../testing/scripted-server.ts';

const latest = parseReference('latest');
const credentials = [fixedCredentials('main', { username: 'me', password: 's3cret' })];
const basic = `Basic ${Buffer.from('me:s3cret').toString('base64')}`;
const refusedUs = (error: unknown): boolean => isCacheError(error, 'upstream-refused-us');

/** What a repository asks for, and which `Authorization` it accepts. */
interface Door {
  readonly challenge: string;
  readonly accepts: (authorization: string) => boolean;
}

interface Script {
  /** Repositories that are not named here ask for nothing. */
  readonly doors: (tokenServer: string) => Readonly<Record<string, Door>>;
  /** The token server's answer to a request for a token; default: a token. */
  readonly tokenStatus?: (scope: string, authorization: string | undefined) => number;
}

async function open(t: TestContext, script: Script, options: Partial<OpenUpstreamOptions> = {}) {
  const tokenServer = await startServer(t, ({ url = '', headers }, response) => {
    const scope = new URL(url, 'http://token').searchParams.get('scope') ?? '';
    const status = script.tokenStatus?.(scope, headers.authorization) ?? 200;
    sendJson(response, status, { token: `token-for-${scope.split(':')[1]}` });
  });
  const doors = script.doors(tokenServer.url);
  const server = await startServer(t, ({ url = '', headers }, response) => {
    const door = doors[/^\/v2\/(.+)\/manifests\//.exec(url)?.[1] ?? ''];
    if (door === undefined || door.accepts(headers.authorization ?? ''))
      response.writeHead(200, { 'content-length': 2 }).end('{}');
    else response.writeHead(401, { 'www-authenticate': door.challenge }).end();
  });
  const opened = openOn(t, server.url, options);
  const pull = (repository: string) => opened.upstream.getManifest(parseRepositoryName(repository), latest);
  return {
    ...opened,
    server,
    tokenServer,
    pull,
    refuses: (repository: string) => assert.rejects(pull(repository), refusedUs, repository),
    /** The `Authorization` of each request that a pull makes. */
    async proofsOf(repository: string) {
      const before = server.requests.length;
      await pull(repository);
      return server.requests.slice(before).map(({ headers }) => headers.authorization);
    },
  };
}

const byPassword: Door = { challenge: 'Basic realm="x"', accepts: (authorization) => authorization === basic };
const byToken = (realm: string, repository: string): Door => ({
  challenge: `Bearer realm="${realm}/token",service="x"`,
  accepts: (authorization) => authorization === `Bearer token-for-${repository}`,
});
const nobody = () => false;

test('a repository that wants Basic without an account does not affect other repositories', async (t) => {
  const { proofsOf, refuses } = await open(t, {
    doors: (realm) => ({ private: byPassword, 'public/by-token': byToken(realm, 'public/by-token') }),
  });
  await refuses('private');
  assert.deepEqual(await proofsOf('public/app'), [undefined]);
  assert.deepEqual(await proofsOf('public/by-token'), [undefined, 'Bearer token-for-public/by-token']);
  await refuses('private');
  assert.deepEqual(await proofsOf('public/by-token'), ['Bearer token-for-public/by-token'], 'no further round trip');
});

test('a repository whose token server is not trusted does not affect other repositories', async (t) => {
  const { proofsOf, refuses } = await open(t, {
    doors: () => ({ elsewhere: { challenge: 'Bearer realm="https://token.example/"', accepts: nobody } }),
  });
  await refuses('elsewhere');
  assert.deepEqual(await proofsOf('public/app'), [undefined]);
});

for (const status of [401, 403, 404, 503])
  test(`a repository whose token server answers ${status} does not affect other repositories`, async (t) => {
    const { pull, proofsOf, tokenServer } = await open(t, {
      doors: (realm) => ({ private: byToken(realm, 'private'), good: byToken(realm, 'good') }),
      tokenStatus: (scope) => (scope.includes('private') ? status : 200),
    });
    // As many as would open the circuit breaker. It does count a token server that fails.
    const calls = status < 500 ? 5 : 1;
    for (let call = 0; call < calls; call += 1) await assert.rejects(pull('private'));
    assert.deepEqual(await proofsOf('public/app'), [undefined]);
    await proofsOf('good');
    const before = tokenServer.requests.length;
    await assert.rejects(pull('private'));
    const retries = status === 503 ? 2 : 0;
    assert.equal(tokenServer.requests.length, before + 1 + retries, 'one request for a token');
    assert.deepEqual(await proofsOf('good'), ['Bearer token-for-good']);
  });

test('a request goes without a token where the known token server gives none', async (t) => {
  const { proofsOf } = await open(t, {
    doors: (realm) => ({ good: byToken(realm, 'good') }),
    tokenStatus: (scope) => (scope.includes('good') ? 200 : 503),
  });
  await proofsOf('good');
  assert.deepEqual(await proofsOf('public/app'), [undefined], 'it needs none');
});

test('a repository that refuses the account does not affect public repositories', async (t) => {
  const { proofsOf, refuses } = await open(
    t,
    {
      doors: (realm) => ({
        'other-team': { challenge: 'Basic realm="x"', accepts: nobody },
        'by-token': byToken(realm, 'by-token'),
      }),
    },
    { credentials },
  );
  await refuses('other-team');
  assert.deepEqual(await proofsOf('public/app'), [undefined]);
  assert.deepEqual(await proofsOf('by-token'), [undefined, 'Bearer token-for-by-token']);
});

test('credentials that the registry has accepted are refused for one repository only', async (t) => {
  const { proofsOf, refuses, server } = await open(
    t,
    { doors: () => ({ 'other-team': { challenge: 'Basic realm="x"', accepts: nobody }, ours: byPassword }) },
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
  assert.equal(shown.length, 1, 'they are not shown again where they were refused');
});

test('Basic and bearer repositories of one upstream are pulled in turn', async (t) => {
  const { proofsOf } = await open(
    t,
    { doors: (realm) => ({ basic: byPassword, bearer: byToken(realm, 'bearer') }) },
    { credentials },
  );
  for (let turns = 0; turns < 2; turns += 1) {
    assert.equal((await proofsOf('basic')).at(-1), basic);
    assert.equal((await proofsOf('bearer')).at(-1), 'Bearer token-for-bearer');
  }
});

test('a token server that refuses the account does not keep it from a repository that accepts it by Basic', async (t) => {
  const { proofsOf, refuses } = await open(
    t,
    { doors: (realm) => ({ basic: byPassword, bearer: byToken(realm, 'bearer') }), tokenStatus: () => 401 },
    { credentials },
  );
  await refuses('bearer');
  assert.deepEqual(await proofsOf('basic'), [undefined, basic]);
  await refuses('bearer');
  assert.deepEqual(await proofsOf('basic'), [basic]);
});
