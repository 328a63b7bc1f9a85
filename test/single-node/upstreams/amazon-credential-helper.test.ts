// Logs in to Amazon's registry with Amazon's real credential helper, against stand-ins for the two servers.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { type TestContext, test } from 'node:test';
import { ensureDebianPackages } from '@cistern/test-servers';
import { openDirectory, openProcess, openUpstream } from '../src/open-stage.ts';
import { sendRequest } from '../src/send-request.ts';

const password = 'a-token-that-lives-for-twelve-hours';
const host = '123456789012.dkr.ecr.eu-central-1.amazonaws.com';

async function listen(t: TestContext, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** Answers GetAuthorizationToken like Amazon's API. */
async function startTokenApi(t: TestContext) {
  const requests: (string | undefined)[] = [];
  const server = createServer((question, response) => {
    requests.push(question.headers['x-amz-target']?.toString());
    const authorizationToken = Buffer.from(`AWS:${password}`).toString('base64');
    // real-time: a token that is valid for twelve hours from now
    const expiresAt = Date.now() / 1000 + 12 * 3_600;
    const authorizationData = [{ authorizationToken, expiresAt, proxyEndpoint: `https://${host}` }];
    question.resume().on('end', () => response.end(JSON.stringify({ authorizationData })));
  });
  return { requests, url: `http://127.0.0.1:${await listen(t, server)}` };
}

/**
 * Starts an HTTP proxy that connects every host to `port`, because the helper recognizes a registry only by its name.
 */
async function startProxyTo(t: TestContext, port: number): Promise<string> {
  const server = createServer(({ url = '/', method, headers }, response) => {
    const { pathname, search } = new URL(url);
    const sent = request(
      { host: '127.0.0.1', port, method, headers, path: pathname + search, agent: false },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        pipeline(answer, response).catch(() => {});
      },
    );
    sent.on('error', () => response.destroy()).end();
  });
  return `http://127.0.0.1:${await listen(t, server)}`;
}

test('an image of the Amazon registry is pulled with credentials of its helper', async (t) => {
  await ensureDebianPackages(['amazon-ecr-credential-helper']);
  const upstream = await openUpstream(t, { auth: { kind: 'basic', accounts: [{ username: 'AWS', password }] } });
  const image = upstream.addImage('team/app', { tag: 'latest' });
  const api = await startTokenApi(t);
  const proxy = await startProxyTo(t, Number(new URL(upstream.url).port));
  // The helper inherits the environment of the process that starts it.
  const cistern = await openProcess(t, {
    config: { upstreams: { [host]: { url: `http://${host}`, proxy, credentials: { aws: { helper: 'ecr-login' } } } } },
    env: {
      HOME: await openDirectory(t),
      AWS_ACCESS_KEY_ID: 'an-id',
      AWS_SECRET_ACCESS_KEY: 'a-key',
      AWS_ENDPOINT_URL: api.url,
      NO_PROXY: '127.0.0.1',
    },
  });
  const manifest = await sendRequest(`${cistern.url}/v2/${host}/team/app/manifests/latest`);
  assert.ok(manifest.status === 200 && manifest.body.equals(image.bytes), manifest.body.toString());
  const layer = image.layers[0]!;
  assert.equal((await sendRequest(`${cistern.url}/v2/${host}/team/app/blobs/${layer.digest}`)).status, 200);
  assert.deepEqual(api.requests, ['AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken']);
  assert.ok(!cistern.log().join('\n').includes(password));
});
