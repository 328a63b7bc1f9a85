import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import type { ServerResponse } from 'node:http';
import type { LookupFunction } from 'node:net';
import { test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { digestOf, parseRepositoryName } from '@cistern/oci';
import { fixedCredentials } from './credentials/credential-source.ts';
import { openOn, type SeenRequest, startServer } from './testing/scripted-server.ts';
import type { UpstreamBlobBody } from './upstream.ts';

const repository = parseRepositoryName('a/b');
const blob = Buffer.from('blob');
const digest = digestOf(blob);
const path = `/v2/a/b/blobs/${digest}`;
const credentials = [fixedCredentials('main', { username: 'me', password: 's3cret' })];

const readAll = async ({ body }: UpstreamBlobBody): Promise<string> =>
  Buffer.concat(await Array.fromAsync(body)).toString();
const sendBlob = (response: ServerResponse): void => void response.writeHead(200, { 'content-length': 4 }).end(blob);
const redirect = (response: ServerResponse, location: string, status = 307): void =>
  void response.writeHead(status, { location, 'content-length': 3 }).end('see');
const authorizations = (requests: readonly SeenRequest[]): unknown[] =>
  requests.map(({ headers }) => headers.authorization);

/** Creates a resolver that returns the same addresses for every name and records the names. */
function fixedLookup(...addresses: LookupAddress[]): { lookup: LookupFunction; lookups: string[] } {
  const lookups: string[] = [];
  const lookup: LookupFunction = (hostname, options, callback) => {
    lookups.push(hostname);
    if (options.all === true) callback(null, addresses);
    else callback(null, addresses[0]?.address ?? '', addresses[0]?.family);
  };
  return { lookup, lookups };
}

test('a redirect on the same origin keeps the credentials and the connection', async (t) => {
  const server = await startServer(t, ({ url, headers }, response) => {
    if (headers.authorization === undefined) response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    else if (url === path) redirect(response, '/storage?X-Amz-Signature=abc');
    else sendBlob(response);
  });
  const { upstream } = openOn(t, server.url, { credentials, maxConnections: 1 });
  assert.equal(await readAll(await upstream.getBlob(repository, digest)), 'blob');
  assert.deepEqual(
    server.requests.map((request) => request.path),
    [path, path, '/storage?X-Amz-Signature=abc'],
  );
  assert.ok(server.requests.at(-1)?.headers.authorization?.startsWith('Basic '));
  assert.equal(server.peakConnections(), 1);
});

test('a redirect to another port removes the credentials, and a redirect back does not restore them', async (t) => {
  const storage = await startServer(t, (_request, response) => redirect(response, `${server.url}/again`, 302));
  const server = await startServer(t, ({ url, headers }, response) => {
    if (url === '/again') sendBlob(response);
    else if (headers.authorization === undefined)
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    else redirect(response, `${storage.url}/blob`);
  });
  const { upstream } = openOn(t, server.url, { credentials, allowPrivate: true });
  assert.equal(await readAll(await upstream.getBlob(repository, digest)), 'blob');
  assert.deepEqual(authorizations(storage.requests), [undefined]);
  assert.equal(server.requests.at(-1)?.path, '/again');
  assert.equal(server.requests.at(-1)?.headers.authorization, undefined);
  assert.equal(storage.requests[0]?.headers['accept-encoding'], 'identity');
});

test('a HEAD stays a HEAD through every kind of redirect', async (t) => {
  for (const status of [301, 302, 303, 307, 308]) {
    const server = await startServer(t, ({ url }, response) => {
      if (url === path) redirect(response, '/storage', status);
      else response.writeHead(200, { 'content-length': 4 }).end();
    });
    assert.equal(await openOn(t, server.url).upstream.headBlob(repository, digest), 4);
    assert.deepEqual(
      server.requests.map(({ method }) => method),
      ['HEAD', 'HEAD'],
    );
  }
});

test('five redirects are followed, a sixth is not', async (t) => {
  let left = 5;
  const server = await startServer(t, (_request, response) => {
    left -= 1;
    if (left < 0) sendBlob(response);
    else redirect(response, `/hop-${left}`);
  });
  const { upstream } = openOn(t, server.url);
  assert.equal(await readAll(await upstream.getBlob(repository, digest)), 'blob');
  left = Infinity;
  await assert.rejects(upstream.getBlob(repository, digest), /more than 5 times/);
});

test('a redirect without a usable target fails with content-mismatch', async (t) => {
  const server = await startServer(t, (_request, response) => response.writeHead(302).end());
  await assert.rejects(openOn(t, server.url).upstream.getBlob(repository, digest), (error) =>
    isCacheError(error, 'content-mismatch'),
  );
});

test('a redirect to a scheme other than HTTP is refused, and the error hides its query', async (t) => {
  const server = await startServer(t, (_request, response) =>
    redirect(response, 'ftp://storage.example/x?Signature=abc'),
  );
  await assert.rejects(openOn(t, server.url).upstream.getBlob(repository, digest), (error) => {
    assert.ok(isCacheError(error, 'upstream-refused-us'));
    assert.match(error.message, /ftp:\/\/storage\.example\/x\?\[redacted\]/);
    assert.doesNotMatch(JSON.stringify(error.detail), /abc/);
    return true;
  });
});

for (const target of [
  '169.254.169.254',
  '10.0.0.1',
  '[::1]',
  '[::ffff:127.0.0.1]',
  '0x7f000002',
  '2130706434',
  '0.0.0.0',
])
  test(`a redirect to ${target} is refused without a connection`, async (t) => {
    const server = await startServer(t, (_request, response) =>
      redirect(response, `http://${target}:1/x?Signature=abc`),
    );
    await assert.rejects(openOn(t, server.url).upstream.getBlob(repository, digest), (error) => {
      assert.ok(isCacheError(error, 'upstream-refused-us'), String(error));
      assert.match(error.message, /no public address\. Set allowprivate/);
      assert.doesNotMatch(error.message, /abc/);
      return !error.retryable;
    });
    assert.equal(server.requests.length, 1);
  });

test('a redirect to another port of the upstream’s private host is refused without a connection', async (t) => {
  const other = await startServer(t, (_request, response) => sendBlob(response));
  const server = await startServer(t, (_request, response) => redirect(response, `${other.url}/x`));
  await assert.rejects(openOn(t, server.url).upstream.getBlob(repository, digest), (error) => {
    assert.ok(isCacheError(error, 'upstream-refused-us'), String(error));
    assert.match(error.message, /no public address\. Set allowprivate/);
    return true;
  });
  assert.equal(other.requests.length, 0);
});

test('a redirect to a name is checked by its resolved addresses when it connects', async (t) => {
  const storage = await startServer(t, (_request, response) => sendBlob(response));
  const server = await startServer(t, (_request, response) =>
    redirect(response, `http://cdn.example:${storage.port}/x`),
  );
  const { lookup, lookups } = fixedLookup({ address: '127.0.0.1', family: 4 }, { address: '::1', family: 6 });
  await assert.rejects(openOn(t, server.url, { lookup }).upstream.getBlob(repository, digest), (error) => {
    assert.ok(isCacheError(error, 'upstream-refused-us'), String(error));
    assert.match(error.message, /"cdn\.example", which has no public address/);
    assert.doesNotMatch(error.message, /127\.0\.0\.1"/);
    return true;
  });
  assert.deepEqual(lookups, ['cdn.example']);
  assert.equal(storage.requests.length, 0);

  const permitted = openOn(t, server.url, { lookup, allowPrivate: true });
  assert.equal(await readAll(await permitted.upstream.getBlob(repository, digest)), 'blob');
  assert.equal(storage.requests.length, 1);
});

test('the upstream’s own host may be private, by name too', async (t) => {
  const server = await startServer(t, (_request, response) => sendBlob(response));
  const { lookup } = fixedLookup({ address: '127.0.0.1', family: 4 });
  const { upstream } = openOn(t, `http://registry.internal:${server.port}/prefix/`, { lookup });
  assert.equal(await readAll(await upstream.getBlob(repository, digest)), 'blob');
  assert.equal(server.requests[0]?.path, `/prefix${path}`);
});

test('a token realm in the same domain at a private address is refused', async (t) => {
  const tokenServer = await startServer(t, (_request, response) => response.end('{"token":"x"}'));
  const realm = `http://auth.registry.internal:${tokenServer.port}/token`;
  const server = await startServer(t, (_request, response) => {
    response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}"` }).end();
  });
  const { lookup, lookups } = fixedLookup({ address: '127.0.0.1', family: 4 });
  const { upstream } = openOn(t, `http://hub.registry.internal:${server.port}`, { lookup, credentials });
  await assert.rejects(upstream.getBlob(repository, digest), (error) => isCacheError(error, 'upstream-refused-us'));
  assert.deepEqual(lookups, ['hub.registry.internal', 'auth.registry.internal']);
  assert.equal(tokenServer.requests.length, 0);
});

test('a refusal of storage fails with upstream-unreachable, and no token is requested for it', async (t) => {
  for (const status of [401, 403]) {
    const storage = await startServer(t, (_request, response) => {
      response.writeHead(status, { 'www-authenticate': `Basic realm="x"` }).end('<Error/>');
    });
    const server = await startServer(t, (_request, response) => redirect(response, `${storage.url}/x?Signature=abc`));
    const { upstream, logLines } = openOn(t, server.url, { credentials, allowPrivate: true });
    await assert.rejects(upstream.getBlob(repository, digest), (error) => {
      assert.ok(isCacheError(error, 'upstream-unreachable'), String(error));
      return error.retryable && !error.message.includes('abc');
    });
    assert.deepEqual(authorizations(storage.requests), [undefined]);
    assert.doesNotMatch(logLines.join(''), /abc/);
  }
});
