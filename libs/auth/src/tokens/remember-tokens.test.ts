import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAccessTokens } from './create-access-tokens.ts';
import { rememberTokens } from './remember-tokens.ts';
import { createMemoryTokenKeys } from './token-keys.ts';

test('a valid token is verified once in half a minute, an invalid one each time, and none outlives its expiry', async () => {
  const clock = { nowMs: 1e12 };
  const now = () => clock.nowMs;
  const tokens = createAccessTokens({ keys: createMemoryTokenKeys(), service: 's', lifetimeMs: 60_000, now });
  let verified = 0;
  const verify = rememberTokens((token) => ((verified += 1), tokens.verify(token)), now);
  const [good, other] = await Promise.all([
    tokens.issue({ name: 'ada', method: 'password' }, ['a']),
    tokens.issue({ name: 'bob', method: 'password' }, []),
  ]);
  const first = await verify(good.token);
  for (let time = 0; time < 5; time += 1) assert.deepEqual(await verify(good.token), first);
  assert.equal(verified, 1);
  assert.deepEqual((await verify(other.token))?.result, 'accepted');
  assert.equal(verified, 2);
  for (let time = 0; time < 3; time += 1) assert.equal((await verify(`${good.token}x`))?.result, 'refused');
  assert.equal(verified, 5);
  clock.nowMs += 31_000;
  await verify(good.token);
  assert.equal(verified, 6);
  clock.nowMs += 29_000;
  await verify(good.token);
  assert.equal(verified, 7, 'it expires before half a minute is over');
  clock.nowMs += 31_000;
  assert.equal((await verify(good.token))?.result, 'refused');
});
