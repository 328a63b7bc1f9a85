import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CacheError } from '@cistern/errors';
import { base64url, SignJWT } from 'jose';
import type { Identity } from '../authentication/authenticator.ts';
import { createAccessTokens } from './create-access-tokens.ts';
import { createMemoryTokenKeys, type TokenKeys } from './token-keys.ts';

const ada: Identity = { name: 'ada', method: 'password' };

function create({ keys = createMemoryTokenKeys(), service = 'here', nowMs = 1e12 } = {}) {
  const clock = { nowMs };
  const tokens = createAccessTokens({ keys, service, lifetimeMs: 300_000, now: () => clock.nowMs });
  return { tokens, keys, clock };
}

test('a token contains the identity, the repositories and nothing else', async () => {
  const { tokens } = create();
  const robot: Identity = { name: 'robot', method: 'password', grants: ['docker.io/**'] };
  for (const identity of [ada, robot]) {
    const { token, expiresInSeconds, issuedAt } = await tokens.issue(identity, ['library/nginx']);
    assert.equal(expiresInSeconds, 300);
    assert.equal(issuedAt.getTime(), 1e12);
    const expected = { ...identity, scopes: ['library/nginx'] };
    assert.deepEqual(await tokens.verify(token), { result: 'accepted', method: 'token', identity: expected });
  }
});

test('a token expires, with some tolerance for clocks', async () => {
  const { tokens, clock } = create();
  const { token } = await tokens.issue(ada, []);
  clock.nowMs += 325_000;
  assert.equal((await tokens.verify(token))?.result, 'accepted');
  clock.nowMs += 10_000;
  assert.equal((await tokens.verify(token))?.result, 'refused');
});

test('a changed token, or one of another signer or service, is rejected', async () => {
  const { tokens, keys } = create();
  const { token } = await tokens.issue(ada, []);
  const [header = '', payload = '', signature = ''] = token.split('.');
  const changed = base64url.encode(JSON.stringify({ ...JSON.parse(atob(payload)), sub: 'root' }));
  const { id, secret } = await keys.current();
  const claims = { sub: 'root', access: [], cistern: { method: 'password' } };
  const sign = (alg: string, key = secret, kid = id) =>
    new SignJWT(claims)
      .setProtectedHeader({ alg, kid })
      .setIssuer('cistern')
      .setAudience('here')
      .setIssuedAt(1e9)
      .setExpirationTime(1e9 + 60)
      .sign(key);
  const none = base64url.encode(JSON.stringify({ alg: 'none', kid: id }));
  for (const [what, shown] of Object.entries({
    'another service': (await create({ keys, service: 'there' }).tokens.issue(ada, [])).token,
    'other keys': (await create().tokens.issue(ada, [])).token,
    'another payload': `${header}.${changed}.${signature}`,
    'no signature': `${header}.${payload}.`,
    'no algorithm': `${none}.${payload}.`,
    'another algorithm': await sign('HS512'),
    'an unknown key': await sign('HS256', secret, 'other'),
    'no token': 'x',
    nothing: '',
  })) {
    const found = await tokens.verify(shown);
    assert.ok(found?.result === 'refused' && found.method === 'token', what);
    assert.equal(found.message, 'The access token is invalid or has expired.');
  }
  assert.equal((await tokens.verify(await sign('HS256')))?.result, 'accepted', 'the signing above is correct');
});

const away = () => Promise.reject(new CacheError('store-unavailable', 'The store is down.'));

test('a token is neither accepted nor called invalid while keys are unavailable', async () => {
  const keys: TokenKeys = { current: away, find: away };
  const { token } = await create().tokens.issue(ada, []);
  const { tokens } = create({ keys });
  await assert.rejects(tokens.verify(token), { kind: 'store-unavailable' });
  await assert.rejects(tokens.issue(ada, []), { kind: 'store-unavailable' });
});
