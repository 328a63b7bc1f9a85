import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { parseReference, parseRepositoryName } from '@cistern/oci';
import type { UpstreamCredentials } from '../open-upstream-options.ts';
import { sendJson } from '../testing/scripted-server.ts';
import { startRegistry } from '../testing/start-registry.ts';

const nginx = parseRepositoryName('library/nginx');
const latest = parseReference('latest');
const refusedUs = (error: unknown): boolean => isCacheError(error, 'upstream-refused-us');

test('a wrong password is shown once, and a right one heals without a restart', async (t) => {
  const time = { nowMs: Date.now() };
  let credentials: UpstreamCredentials = { username: 'me', password: 'wrong' };
  const right = `Basic ${Buffer.from('me:right').toString('base64')}`;
  const { upstream, tokenServer, metrics, logLines } = await startRegistry(
    t,
    {
      token(count, response) {
        const shown = tokenServer.requests[count - 1]?.headers.authorization;
        if (shown === right) sendJson(response, 200, { token: 'good' });
        else response.writeHead(401).end();
      },
    },
    { clock: () => time.nowMs, credentials: [{ name: 'ci', read: async () => credentials }] },
  );
  const isRefused = async (): Promise<number | undefined> =>
    (await metrics.upstreamBudget.credentialsRefused.get()).values[0]?.value;
  assert.equal(await isRefused(), 0);
  for (let calls = 0; calls < 5; calls += 1) await assert.rejects(upstream.getManifest(nginx, latest), refusedUs);
  assert.equal(tokenServer.requests.length, 1);
  assert.equal(await isRefused(), 1);
  time.nowMs += 30_000;
  await assert.rejects(upstream.getManifest(nginx, latest), refusedUs);
  assert.equal(tokenServer.requests.length, 2, 'in case the registry has changed its mind');
  credentials = { username: 'me', password: 'right' };
  await upstream.getManifest(nginx, latest);
  assert.equal(await isRefused(), 0);
  const told = logLines.filter((line) => line.includes('credentials of an upstream'));
  assert.equal(told.length, 2);
  assert.doesNotMatch(logLines.join(''), /wrong|right/);
});

test('a token server that refuses one repository with 403 says nothing of the credentials', async (t) => {
  const { upstream, tokenServer } = await startRegistry(
    t,
    { token: (_count, response) => void response.writeHead(403).end() },
    { credentials: [{ name: 'ci', read: async () => ({ username: 'me', password: 'right' }) }] },
  );
  await assert.rejects(upstream.getManifest(nginx, latest), refusedUs);
  await assert.rejects(upstream.getManifest(nginx, latest), refusedUs);
  assert.equal(tokenServer.requests.length, 2);
});
