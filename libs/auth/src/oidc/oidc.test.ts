import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CacheError } from '@cistern/errors';
import { base64url, exportJWK, generateKeyPair, type JSONWebKeySet, type JWTPayload, SignJWT } from 'jose';
import { createOidcMethod, type IssuerKeys } from './create-oidc-method.ts';
import type { OidcIssuer } from './oidc-rules.ts';

const nowSeconds = 1_700_000_000;
const issuer: OidcIssuer = {
  name: 'github',
  url: 'https://issuer.test',
  audiences: ['https://cache.test'],
  rules: [
    { when: { repository_owner: ['acme'] }, grants: ['docker.io/library/*'] },
    { when: { repository: ['acme/app', 'acme/lib-*'], ref: ['refs/heads/main'] }, grants: ['ghcr.io/acme/**'] },
  ],
  labels: ['repository', 'run_id', 'groups', 'missing'],
};

async function createKey(kid: string, alg = 'RS256') {
  const { publicKey, privateKey } = await generateKeyPair(alg);
  return { kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

const [first, second, elliptic] = await Promise.all([
  createKey('first'),
  createKey('second'),
  createKey('elliptic', 'ES256'),
]);

const claims: JWTPayload = {
  iss: issuer.url,
  aud: 'https://cache.test',
  sub: 'repo:acme/app:ref:refs/heads/main',
  iat: nowSeconds,
  exp: nowSeconds + 300,
  repository: 'acme/app',
  repository_owner: 'acme',
  ref: 'refs/heads/main',
  run_id: 42,
  groups: ['a', 'b'],
};

const sign = (changed: Readonly<Record<string, unknown>> = {}, key = first) =>
  new SignJWT({ ...claims, ...changed }).setProtectedHeader({ alg: key.alg, kid: key.kid }).sign(key.privateKey);

const setOf = (keys: readonly { readonly jwk: object }[]): JSONWebKeySet => ({
  keys: keys.map(({ jwk }) => jwk) as [],
});

function create({ issuers = [issuer], known = [first], later = [first] } = {}) {
  const calls = { get: 0, getFresh: 0 };
  const keys: IssuerKeys = {
    get: async () => ((calls.get += 1), setOf(known)),
    getFresh: async () => ((calls.getFresh += 1), setOf(later)),
  };
  return { method: createOidcMethod({ issuers, keys, now: () => nowSeconds * 1000 }), calls };
}

test('the token of a job gets the grants of all rules that it matches, and labels about the job', async () => {
  const { method } = create();
  const expected = {
    result: 'accepted',
    method: 'oidc',
    identity: {
      name: 'github/repo:acme/app:ref:refs/heads/main',
      method: 'oidc',
      grants: ['docker.io/library/*', 'ghcr.io/acme/**'],
      labels: { repository: 'acme/app', run_id: '42', groups: 'a,b' },
    },
  };
  assert.deepEqual(await method(await sign()), expected);
  const other = await method(await sign({ ref: 'refs/heads/feature' }));
  assert.deepEqual(other?.result === 'accepted' && other.identity.grants, ['docker.io/library/*']);
});

test('a token that matches no rule is rejected', async () => {
  const { method } = create();
  for (const changed of [{ repository_owner: 'evil' }, { repository_owner: undefined }, { repository_owner: ['x'] }]) {
    const found = await method(await sign({ repository: 'evil/app', ...changed }));
    assert.equal(found?.result, 'refused');
    assert.match((found as { why?: string }).why ?? '', /match no rule/);
  }
  const careless = create({ issuers: [{ ...issuer, rules: [{ when: {}, grants: ['**'] }] }] });
  assert.equal((await careless.method(await sign()))?.result, 'refused', 'a rule without conditions matches no token');
});

test('a token must be for this cache, current, complete and signed by the issuer', async () => {
  const { method } = create({ known: [first, elliptic] });
  const [header = '', payload = '', signature = ''] = (await sign()).split('.');
  const changed = base64url.encode(JSON.stringify({ ...claims, repository_owner: 'acme', sub: 'x' }));
  const publicAsSecret = new TextEncoder().encode(JSON.stringify(first.jwk));
  for (const [what, token] of Object.entries({
    'another audience': await sign({ aud: 'https://other.test' }),
    'no audience': await sign({ aud: undefined }),
    expired: await sign({ exp: nowSeconds - 61 }),
    'never expires': await sign({ exp: undefined }),
    'not yet': await sign({ nbf: nowSeconds + 120 }),
    'no subject': await sign({ sub: undefined }),
    'issued never': await sign({ iat: undefined }),
    'another key of that name': await sign({}, { ...second, kid: 'first' }),
    'another payload': `${header}.${changed}.${signature}`,
    'no signature': `${header}.${payload}.`,
    'no algorithm': `${base64url.encode('{"alg":"none"}')}.${payload}.`,
    'the public key as a secret': await new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256', kid: 'first' })
      .sign(publicAsSecret),
    'an unknown key': await sign({}, second),
  })) {
    const found = await method(token);
    assert.equal(found?.result, 'refused', what);
    assert.equal((found as { message: string }).message, 'The token of this job is not valid for this cache.', what);
  }
  assert.equal((await method(await sign({ exp: nowSeconds - 59 })))?.result, 'accepted', 'clocks differ');
  assert.equal((await method(await sign({ aud: ['a', 'https://cache.test'] })))?.result, 'accepted');
  assert.equal((await method(await sign({}, elliptic)))?.result, 'accepted');
});

test('a token of another issuer, or other text, is left to the next method', async () => {
  const { method, calls } = create();
  for (const shown of [await sign({ iss: 'https://other.test' }), 'password', 'a.b.c', '', '..', 'cistern_x'])
    assert.equal(await method(shown), undefined);
  assert.equal(calls.get, 0);
});

test('only an unknown key triggers another fetch of keys', async () => {
  const { method, calls } = create({ known: [first], later: [first, second] });
  await method(await sign());
  assert.equal(calls.getFresh, 0);
  assert.equal((await method(await sign({}, second)))?.result, 'accepted');
  assert.equal(calls.getFresh, 1);
});

const away = () => Promise.reject(new CacheError('upstream-unreachable', 'Away.'));

test('a token is neither accepted nor called invalid while keys are unavailable', async () => {
  const method = createOidcMethod({ issuers: [issuer], keys: { get: away, getFresh: away }, now: Date.now });
  await assert.rejects(method(await sign()), { kind: 'upstream-unreachable' });
});
