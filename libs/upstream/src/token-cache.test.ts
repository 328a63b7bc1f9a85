import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryTokenCache, type TokenKey } from './token-cache.ts';

const { signal } = new AbortController();
const key: TokenKey = { upstream: 'docker.io', account: 'ada', scope: 'repository:a:pull', audience: 'auth.docker.io' };
const keys: readonly TokenKey[] = [
  key,
  { ...key, upstream: 'quay.io' },
  { ...key, account: 'bob' },
  { ...key, account: undefined },
  { ...key, scope: 'repository:b:pull' },
  { ...key, audience: 'auth.quay.io' },
];

test('a token is cached by upstream, account, scope and audience', async () => {
  const cache = createMemoryTokenCache();
  const obtain = async (number: number, wanted: TokenKey) =>
    cache.obtain(wanted, {
      isUsable: () => true,
      issue: async () => ({ token: `token ${number}`, usableUntilMs: Infinity }),
      signal,
    });
  for (const issued of [true, false])
    for (const [number, wanted] of keys.entries())
      assert.deepEqual(await obtain(number, wanted), { token: `token ${number}`, usableUntilMs: Infinity, issued });
});
