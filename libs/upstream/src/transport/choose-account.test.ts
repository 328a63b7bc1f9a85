import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { test, type TestContext } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { digestOf, mediaTypes, parseReference, parseRepositoryName } from '@cistern/oci';
import { fixedCredentials } from '../credentials/credential-source.ts';
import { openOn, startServer } from '../testing/scripted-server.ts';

const repository = parseRepositoryName('a/b');
const latest = parseReference('latest');
const bytes = Buffer.from('{"schemaVersion":2}');

interface Account {
  remaining: number;
  isRefused?: boolean;
}

/** Starts a registry that requires Basic credentials and counts the pulls of each user. */
async function start(t: TestContext, users: Record<string, Account>) {
  const answer = ({ headers }: IncomingMessage, response: ServerResponse): void => {
    const name =
      Buffer.from((headers.authorization ?? '').slice(6), 'base64')
        .toString()
        .split(':')[0] ?? '';
    const user = users[name];
    if (user === undefined || user.isRefused === true) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="here"' }).end();
      return;
    }
    user.remaining -= 1;
    const limits = {
      'ratelimit-limit': '100;w=21600',
      'ratelimit-remaining': `${Math.max(0, user.remaining)};w=21600`,
      'docker-ratelimit-source': name,
    };
    if (user.remaining < 0) response.writeHead(429, limits).end();
    else
      response
        .writeHead(200, { ...limits, 'content-type': mediaTypes.ociManifest, 'docker-content-digest': digestOf(bytes) })
        .end(bytes);
  };
  const server = await startServer(t, answer);
  const credentials = Object.keys(users).map((name) => fixedCredentials(name, { username: name, password: 'x' }));
  return { server, ...openOn(t, server.url, { credentials }) };
}

test('a call continues with another account when the first has no pulls left', async (t) => {
  const users = { one: { remaining: 1 }, two: { remaining: 50 } };
  const { upstream } = await start(t, users);
  for (let pulls = 0; pulls < 5; pulls += 1) await upstream.getManifest(repository, latest);
  assert.equal(users.one.remaining + users.two.remaining, 46);
  users.two.remaining = 0;
  await assert.rejects(upstream.getManifest(repository, latest), (error) =>
    isCacheError(error, 'upstream-rate-limited'),
  );
});

test('a call continues with another account when the first is refused, and the metrics show it', async (t) => {
  const users = { one: { remaining: 50, isRefused: true }, two: { remaining: 50 } };
  const { upstream, metrics, logLines } = await start(t, users);
  for (let pulls = 0; pulls < 3; pulls += 1) await upstream.getManifest(repository, latest);
  assert.equal(users.two.remaining, 47);
  const { values } = await metrics.upstreamBudget.credentialsRefused.get();
  assert.deepEqual(
    values.map(({ labels, value }) => [labels.credential, value]),
    [
      ['one', 1],
      ['two', 0],
    ],
  );
  assert.equal(
    logLines.filter((line) => line.includes('credentials rejected')).length,
    1,
    'the log has one line for all calls',
  );
});

const isThrottled = (error: unknown): boolean => isCacheError(error, 'upstream-rate-limited') && error.retryable;

test('a 429 without a rate limit pauses all accounts and all requests', async (t) => {
  const server = await startServer(t, (_request, response) => response.writeHead(429).end());
  const credentials = ['one', 'two'].map((name) => fixedCredentials(name, { username: name, password: 'x' }));
  const { upstream } = openOn(t, server.url, { credentials });
  await assert.rejects(upstream.getManifest(repository, latest), isThrottled);
  await assert.rejects(upstream.headManifest(repository, latest), isThrottled);
  await assert.rejects(upstream.getBlob(repository, digestOf(bytes)), isThrottled);
  assert.equal(server.requests.length, 1);
});
