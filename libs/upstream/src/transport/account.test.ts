import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { parseReference, parseRepositoryName } from '@cistern/oci';
import { createLogger, createMetrics } from '@cistern/telemetry';
import { type UpstreamCredentials, fixedCredentials } from '../credentials/credential-source.ts';
import { sendJson } from '../testing/scripted-server.ts';
import { startRegistry } from '../testing/start-registry.ts';
import { createAccount } from './account.ts';

const nginx = parseRepositoryName('library/nginx');
const latest = parseReference('latest');
const refusedUs = (error: unknown): boolean => isCacheError(error, 'upstream-refused-us');

test('a wrong password is sent once, and a right one works without a restart', async (t) => {
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
  assert.equal(tokenServer.requests.length, 2, 'the registry may accept it by now');
  credentials = { username: 'me', password: 'right' };
  await upstream.getManifest(nginx, latest);
  assert.equal(await isRefused(), 0);
  const lines = logLines.filter((line) => line.includes('upstream credentials'));
  assert.equal(lines.length, 2);
  const [rejected, accepted] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  for (const line of [rejected, accepted])
    assert.deepEqual([line?.['account'], line?.['setting']], ['ci', 'upstreams.test.credentials']);
  assert.match(JSON.stringify(rejected?.['err']), /Correct upstreams\.test\.credentials\./);
  assert.doesNotMatch(logLines.join(''), /wrong|right/);
});

test('a 403 of the token server for one repository does not count against the credentials', async (t) => {
  const { upstream, tokenServer } = await startRegistry(
    t,
    { token: (_count, response) => void response.writeHead(403).end() },
    { credentials: [{ name: 'ci', read: async () => ({ username: 'me', password: 'right' }) }] },
  );
  await assert.rejects(upstream.getManifest(nginx, latest), refusedUs);
  await assert.rejects(upstream.getManifest(nginx, latest), refusedUs);
  assert.equal(tokenServer.requests.length, 2);
});

const at = (name: string, url = 'https://token.example') => ({ url, repository: parseRepositoryName(name) });

/** Opens an account with the password `right`. The tests use it with two token servers. */
function openAccount() {
  const time = { nowMs: 0 };
  const password = { username: 'me', password: 'right' };
  const account = createAccount({
    upstream: { name: 'test', url: new URL('https://registry.example') },
    source: fixedCredentials('ci', password),
    metrics: createMetrics({ upstreams: ['test'] }),
    log: createLogger({ level: 'error', formatter: 'json', destination: { write: () => true } }),
    clock: () => time.nowMs,
  });
  const isShown = async (name: string, url?: string): Promise<boolean> => {
    try {
      return (await account.credentials(new AbortController().signal, at(name, url))) !== undefined;
    } catch (error) {
      if (!refusedUs(error)) throw error;
      return false;
    }
  };
  return {
    time,
    isShown,
    accept: (name: string, url?: string) => account.accepted(password, at(name, url)),
    refuse: (name: string, url?: string) => account.refused(password, at(name, url)),
  };
}

test('after refusals for three repositories in a row a token server receives no credentials for half a minute', async () => {
  const { time, isShown, refuse } = openAccount();
  refuse('a');
  refuse('a');
  refuse('b');
  assert.equal(await isShown('d'), true);
  refuse('c', 'https://other.example');
  assert.equal(await isShown('d'), true);
  time.nowMs = 10_000;
  refuse('c');
  assert.equal(await isShown('d'), false);
  assert.equal(await isShown('d', 'https://other.example'), true);
  time.nowMs = 39_999;
  assert.equal(await isShown('d'), false);
  time.nowMs = 40_000;
  assert.equal(await isShown('d'), true);
});

test('after an acceptance the token server receives credentials again, but not for repositories that it refused', async () => {
  const { isShown, accept, refuse } = openAccount();
  for (const name of ['a', 'b', 'c']) refuse(name);
  accept('d', 'https://other.example');
  assert.equal(await isShown('d'), false);
  accept('d');
  assert.equal(await isShown('d'), true);
  assert.equal(await isShown('a'), false);
  refuse('e');
  refuse('f');
  assert.equal(await isShown('d'), true, 'earlier refusals no longer count');
});

test('an account remembers a thousand refusals', async () => {
  const { isShown, accept, refuse } = openAccount();
  accept('good');
  for (let index = 0; index <= 1000; index += 1) {
    refuse(`bad/${index}`);
    accept('good');
  }
  assert.equal(await isShown('bad/0'), true);
  assert.equal(await isShown('bad/1'), false);
  assert.equal(await isShown('bad/1000'), false);
});
