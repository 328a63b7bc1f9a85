import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseReference, parseRepositoryName } from '@cistern/oci';
import { startRegistry } from './testing/start-registry.ts';
import type { CachedToken } from './token-cache.ts';

const latest = parseReference('latest');
const nginx = parseRepositoryName('library/nginx');

test('an invalid token from the shared cache is renewed, and only a 401 to a new token is final', async (t) => {
  let kept: CachedToken | undefined = { token: 'token-void', usableUntilMs: Infinity };
  let valid = 'Bearer token-1';
  let isReplaced = true;
  const { upstream, server, tokenServer } = await startRegistry(
    t,
    {
      accepts(authorization) {
        if (!isReplaced && authorization !== valid) {
          kept = { token: 'token-void', usableUntilMs: Infinity };
          isReplaced = true;
        }
        return authorization === valid;
      },
    },
    {
      tokens: {
        async obtain(_key, { isUsable, issue }) {
          if (kept !== undefined && isUsable(kept)) return { ...kept, issued: false };
          kept = await issue();
          return { ...kept, issued: true };
        },
      },
    },
  );
  const sent = async (): Promise<(string | undefined)[]> => {
    const before = server.requests.length;
    await upstream.headManifest(nginx, latest);
    return server.requests.slice(before).map(({ headers }) => headers.authorization);
  };
  assert.deepEqual(await sent(), [undefined, 'Bearer token-void', 'Bearer token-1']);
  assert.deepEqual(await sent(), ['Bearer token-1']);
  // Our token is invalid, and so is the token that another process stores instead.
  valid = 'Bearer token-2';
  isReplaced = false;
  assert.deepEqual(await sent(), ['Bearer token-1', 'Bearer token-void', 'Bearer token-2']);
  assert.equal(tokenServer.requests.length, 2);
});
