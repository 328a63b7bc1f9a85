import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { test, type TestContext } from 'node:test';
import { text } from 'node:stream/consumers';
import { isCacheError } from '@cistern/errors';
import { parseReference, parseRepositoryName } from '@cistern/oci';
import { sendJson, startServer } from './testing/scripted-server.ts';
import { startRegistry } from './testing/start-registry.ts';

const app = parseRepositoryName('team/app');
const latest = parseReference('latest');
const refusedUs = (error: unknown): boolean => isCacheError(error, 'upstream-refused-us');

/** Starts a registry whose token server supports OAuth 2 only and accepts the identity token `right`. */
async function start(t: TestContext, identityToken: () => string) {
  const forms: Record<string, string>[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const form = Object.fromEntries(new URLSearchParams(await text(request)));
    forms.push(form);
    if (request.method !== 'POST') response.writeHead(405).end();
    else if (form['refresh_token'] !== 'right') sendJson(response, 400, { error: 'invalid_grant' });
    else sendJson(response, 200, { access_token: `token-${forms.length}`, expires_in: 300, refresh_token: 'another' });
  };
  const tokenServer = await startServer(t, (request, response) => void answer(request, response));
  const challenge = `Bearer realm="${tokenServer.url}/oauth2/token?a=b",service="azure",scope="repository:x:pull"`;
  const read = async () => ({ username: '<token>', password: identityToken() });
  const credentials = [{ name: 'azure', read }];
  return { ...(await startRegistry(t, { challenge }, { credentials })), tokenServer, forms };
}

test('an identity token is sent only to the token server, which exchanges it by OAuth 2', async (t) => {
  const { upstream, server, tokenServer, forms, logLines } = await start(t, () => 'right');
  await upstream.getManifest(app, latest);
  await upstream.getManifest(app, latest);
  assert.deepEqual(forms, [
    {
      grant_type: 'refresh_token',
      client_id: 'cistern',
      service: 'azure',
      scope: 'repository:team/app:pull',
      refresh_token: 'right',
    },
  ]);
  const [tokenRequest] = tokenServer.requests;
  assert.equal(tokenRequest?.path, '/oauth2/token?a=b');
  assert.equal(tokenRequest.headers.authorization, undefined);
  assert.equal(tokenRequest.headers['content-type'], 'application/x-www-form-urlencoded');
  assert.deepEqual(
    server.requests.map(({ headers }) => headers.authorization),
    [undefined, 'Bearer token-1', 'Bearer token-1'],
  );
  assert.doesNotMatch(logLines.join(''), /right/);
});

test('a refused identity token is sent once, and a new one works without a restart', async (t) => {
  let token = 'wrong';
  const { upstream, forms, metrics } = await start(t, () => token);
  const isRefused = async (): Promise<number | undefined> =>
    (await metrics.upstreamBudget.credentialsRefused.get()).values[0]?.value;
  for (let calls = 0; calls < 3; calls += 1) await assert.rejects(upstream.getManifest(app, latest), refusedUs);
  assert.equal(forms.length, 1);
  assert.equal(await isRefused(), 1);
  token = 'right';
  await upstream.getManifest(app, latest);
  assert.equal(await isRefused(), 0);
});

test('an identity token is never sent as a password', async (t) => {
  const credentials = [{ name: 'azure', read: async () => ({ username: '<token>', password: 's3cret' }) }];
  const { upstream, server } = await startRegistry(
    t,
    { challenge: 'Basic realm="x"', accepts: () => false },
    { credentials },
  );
  await assert.rejects(upstream.getManifest(app, latest), /only an identity token is configured/);
  assert.deepEqual(
    server.requests.map(({ headers }) => headers.authorization),
    [undefined],
  );
});
