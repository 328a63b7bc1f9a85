import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Identity } from '../authentication/authenticator.ts';
import { createAccessTokens } from './create-access-tokens.ts';
import { requireMethod } from './require-method.ts';
import { createMemoryTokenKeys } from './token-keys.ts';

const identities: Identity[] = [
  { name: 'ada', method: 'password' },
  { name: 'ci', method: 'robot', robotId: '1' },
  { name: 'github/repo:acme/app', method: 'oidc', grants: ['**'] },
];

test('an access token is valid only while the method of its caller is configured', async () => {
  const { issue, verify } = createAccessTokens({
    keys: createMemoryTokenKeys(),
    service: 'here',
    lifetimeMs: 300_000,
    now: Date.now,
  });
  const tokens = await Promise.all(identities.map((identity) => issue(identity, [])));
  const results = (hasPasswords: boolean, hasRobots: boolean, issuers: string[]) => {
    const check = requireMethod(verify, { hasPasswords, hasRobots, issuers });
    return Promise.all(tokens.map(async ({ token }) => (await check(token))?.result === 'accepted'));
  };
  assert.deepEqual(await results(true, true, ['github']), [true, true, true]);
  assert.deepEqual(await results(false, true, ['github']), [false, true, true]);
  assert.deepEqual(await results(true, false, ['github']), [true, false, true]);
  assert.deepEqual(await results(true, true, ['gitlab', 'git']), [true, true, false]);
  const broken = requireMethod(verify, { hasPasswords: true, hasRobots: true, issuers: [] });
  assert.equal((await broken('no token'))?.result, 'refused');
});
