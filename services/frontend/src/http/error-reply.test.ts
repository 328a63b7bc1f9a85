import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CacheError, type CacheErrorKind, cacheErrorKinds, type CacheErrorOptions } from '@cistern/errors';
import { digestOf, OciSyntaxError } from '@cistern/oci';
import { createMemoryPullThrough } from '../testing/memory-pull-through.ts';
import { openRawConnection, requestText } from '../testing/raw-connection.ts';
import { errorsOf, sendRequest } from '../testing/send-request.ts';
import { startFrontend } from '../testing/start-frontend.ts';
import { describeError } from './error-reply.ts';

function failing(error: Error) {
  const fail = async () => {
    throw error;
  };
  return createMemoryPullThrough({
    instead: { statManifest: fail, openManifest: fail, openBlob: fail, listTags: fail, listReferrers: fail },
  });
}

const digest = digestOf(Buffer.from('x'));
const paths = ['manifests/latest', `blobs/${digest}`, 'tags/list', `referrers/${digest}`];

test('every endpoint answers an error as OCI JSON, and HEAD with the same headers and no body', async (t) => {
  const error = new CacheError('overloaded', 'Too much at once.', { retryAfterMs: 3000, detail: { waiting: 9 } });
  const { url } = await startFrontend(t, { pullThrough: failing(error) });
  for (const path of paths) {
    const get = await sendRequest(`${url}/v2/nginx/${path}`);
    assert.equal(get.status, 503);
    assert.deepEqual(errorsOf(get), [{ code: 'UNAVAILABLE', message: 'Too much at once.', detail: { waiting: 9 } }]);
    assert.equal(get.headers['content-type'], 'application/json');
    assert.equal(get.headers['content-length'], String(get.body.length));
    assert.equal(get.headers['retry-after'], '3');
    assert.equal(get.headers['docker-distribution-api-version'], 'registry/2.0');
    assert.equal(get.headers['x-content-type-options'], 'nosniff');
    const head = await sendRequest(`${url}/v2/nginx/${path}`, { method: 'HEAD' });
    assert.equal(head.status, 503);
    assert.equal(head.body.length, 0);
    for (const name of ['content-type', 'content-length', 'retry-after'])
      assert.equal(head.headers[name], get.headers[name], `${path} ${name}`);
  }
});

test('a 429 is sent to a client that names the upstream in the path, and not to a mirror client', async (t) => {
  const { url } = await startFrontend(t, {
    pullThrough: failing(new CacheError('upstream-rate-limited', 'Slow down.')),
  });
  const cases: [string, number][] = [
    ['/v2/ghcr.io/a/b/manifests/x', 429],
    ['/v2/a/b/manifests/x', 503],
    ['/v2/a/b/manifests/x?ns=ghcr.io', 503],
    ['/v2/ghcr.io/a/b/manifests/x?ns=ghcr.io', 503],
  ];
  for (const [path, expected] of cases) {
    const answer = await sendRequest(url + path);
    assert.equal(answer.status, expected, path);
    assert.ok(Number(answer.headers['retry-after']) >= 1);
  }
});

test('an unexpected error is a 500 whose cause is only in the log', async (t) => {
  const { url, log } = await startFrontend(t, { pullThrough: failing(new TypeError('x is not a function')) });
  const answer = await sendRequest(`${url}/v2/nginx/manifests/latest`);
  assert.equal(answer.status, 500);
  assert.equal(errorsOf(answer)[0]?.code, 'UNKNOWN');
  assert.doesNotMatch(answer.body.toString(), /not a function/);
  assert.equal(log[0]?.['level'], 'error');
  assert.match(JSON.stringify(log[0]?.['err']), /x is not a function/);
});

test('an unknown path is a 404 in OCI JSON, and an undecodable path is a 400', async (t) => {
  const { url, port } = await startFrontend(t);
  for (const path of ['/v2/nope', '/v1/search', '/favicon.ico', '/a/b/c', '/v2/a/tags/other', `/${'x'.repeat(200)}`]) {
    const answer = await sendRequest(url + path);
    assert.equal(answer.status, 404, path);
    assert.equal(errorsOf(answer)[0]?.code, 'NAME_UNKNOWN');
  }
  for (const path of ['/v2/%zz/manifests/x', '/%', `/${'x'.repeat(300)}/v2/`]) {
    const connection = await openRawConnection(t, port);
    connection.socket.write(requestText(path, ['Connection: close']));
    await connection.closed;
    assert.match(connection.received().toString(), /^HTTP\/1\.1 400 [\s\S]+"NAME_INVALID"/, path);
  }
});

test('the root returns 200 for load balancers', async (t) => {
  const { url } = await startFrontend(t);
  for (const method of ['GET', 'HEAD']) assert.equal((await sendRequest(`${url}/`, { method })).status, 200);
});

const rows = (mode: 'mirror' | 'prefix') =>
  cacheErrorKinds.map((kind) => {
    const { status, headers, body, kind: returned } = describeError(new CacheError(kind, 'What to do.'), mode);
    assert.equal(returned, kind);
    const { errors } = JSON.parse(body.toString()) as { errors: { code: string; message: string }[] };
    assert.equal(errors[0]?.message, 'What to do.');
    return `${kind}: ${status} ${errors[0]?.code}${headers['retry-after'] ? ` after ${headers['retry-after']} s` : ''}`;
  });

// If a status changes, every client reacts differently. Read docs/wire.md before you change one.
const toPrefixClients = `
name-invalid: 400 NAME_INVALID
digest-invalid: 400 DIGEST_INVALID
reference-invalid: 400 TAG_INVALID
manifest-unknown: 404 MANIFEST_UNKNOWN
blob-unknown: 404 BLOB_UNKNOWN
name-unknown: 404 NAME_UNKNOWN
unauthenticated: 401 UNAUTHORIZED
denied: 403 DENIED
unsupported: 405 UNSUPPORTED
range-unsatisfiable: 416 RANGE_INVALID
client-rate-limited: 429 TOOMANYREQUESTS after 1 s
upstream-rate-limited: 429 TOOMANYREQUESTS after 5 s
upstream-refused-us: 502 UNAVAILABLE
upstream-unreachable: 503 UNAVAILABLE after 5 s
upstream-timeout: 504 UNAVAILABLE
content-mismatch: 502 UNAVAILABLE
loop-detected: 508 UNAVAILABLE
store-unavailable: 503 UNAVAILABLE after 1 s
index-unavailable: 503 UNAVAILABLE after 1 s
overloaded: 503 UNAVAILABLE after 1 s
too-large: 503 UNAVAILABLE`;

test('every kind of error has its code and status', () => {
  assert.equal(`\n${rows('prefix').join('\n')}`, toPrefixClients);
});

test('a client in mirror mode gets 503 instead of 429, and otherwise the same statuses', () => {
  const expected = toPrefixClients.replaceAll('429 TOOMANYREQUESTS', '503 UNAVAILABLE');
  assert.equal(`\n${rows('mirror').join('\n')}`, expected);
});

const headersOf = (kind: CacheErrorKind, options?: CacheErrorOptions) =>
  describeError(new CacheError(kind, 'What to do.', options), 'mirror').headers;

test('Retry-After is the time of the error in whole seconds, from 1 to 60', () => {
  const returned = [0, 1, 2001, 60_000, 21_600_000].map(
    (retryAfterMs) => headersOf('overloaded', { retryAfterMs })['retry-after'],
  );
  assert.deepEqual(returned, ['1', '1', '3', '60', '60']);
});

test('a 416 has the size if it is known', () => {
  assert.equal(headersOf('range-unsatisfiable', { detail: { size: 12 } })['content-range'], 'bytes */12');
  assert.equal(headersOf('range-unsatisfiable')['content-range'], undefined);
});

test('a 405 lists the allowed methods', () => {
  assert.equal(headersOf('unsupported')['allow'], 'GET, HEAD');
});

test('a syntax error is a 400 with its own code', () => {
  for (const code of ['NAME_INVALID', 'DIGEST_INVALID', 'PAGINATION_NUMBER_INVALID'] as const) {
    const { status, body } = describeError(new OciSyntaxError(code, 'why'), 'mirror');
    assert.equal(status, 400);
    assert.deepEqual(JSON.parse(body.toString()), { errors: [{ code, message: 'why' }] });
  }
});

test('an invalid tag is an unknown manifest', () => {
  const { status, kind, body } = describeError(new OciSyntaxError('TAG_INVALID', 'why'), 'mirror');
  assert.deepEqual([status, kind], [404, 'manifest-unknown']);
  assert.deepEqual(JSON.parse(body.toString()), { errors: [{ code: 'MANIFEST_UNKNOWN', message: 'why' }] });
});

test('the response to an error that is not a CacheError contains no details', () => {
  for (const error of [new TypeError('secret of the inside'), 'secret', undefined, { message: 'secret' }]) {
    const { status, kind, body } = describeError(error, 'prefix');
    assert.equal(status, 500);
    assert.equal(kind, 'internal');
    assert.match(body.toString(), /"UNKNOWN"/);
    assert.doesNotMatch(body.toString(), /secret/);
  }
});
