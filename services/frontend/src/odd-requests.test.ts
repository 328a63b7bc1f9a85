// Nearly 800 requests that no client sends: with path traversal, encodings, escapes and endless names, invalid bytes and odd methods.
// Each request gets its exact response, and none reaches a use case.
import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { after, test, type TestContext } from 'node:test';
import { digestOf } from '@cistern/oci';
import { createMemoryPullThrough } from './testing/memory-pull-through.ts';
import { openRawConnection } from './testing/raw-connection.ts';
import { errorsOf, sendRequest } from './testing/send-request.ts';
import { startFrontend } from './testing/start-frontend.ts';

const bytes = Buffer.from('{"schemaVersion":2}');
const digest = digestOf(bytes);
const hex = digest.slice('sha256:'.length);
const words = (text: string): readonly string[] => text.trim().split(/\s+/);

const oddNames: readonly string[] = [
  '',
  ...words('. .. ... %2e %2e%2e .%2e %252e%252e %c0%ae%c0%ae %u002e%u002e %ef%bc%8e%ef%bc%8e ..; ..%00'),
  ...words('..%2f..%2fetc ..%5c..%5cetc ..%252fetc ..\\..\\etc a%2fb a%5cb a\\b'),
  ...words('a%00 a%00.txt a%0a a%0d%0aX-Evil:%20yes a%20b a+b a%3fb a%23b a%26b a%3bb a%25'),
  ...words('% %2 %zz %ff %c3%a9 %e2%80%ae ~root $(id) %24%7bjndi:ldap:a%7d %3cscript%3e'),
  ...words('_manifests _uploads .git a..b a. a- -a a___b a: a@b'),
  'a'.repeat(256),
  'a'.repeat(10_000),
  '%61'.repeat(5000),
];
const pathsOfName = (name: string) => [
  `/v2/${name}/manifests/latest`,
  `/v2/library/${name}/manifests/${digest}`,
  `/v2/library/${name}/app/blobs/${digest}`,
  `/v2/library/${name}/tags/list`,
  `/v2/library/${name}/referrers/${digest}`,
  `/docker.io/v2/library/${name}/manifests/latest`,
  `/v2/library/${name}/manifests/latest?ns=docker.io`,
];

const oddDigests: readonly string[] = [
  ...words(
    `..%2f${digest} ${digest}%2f.. ${digest}%00 ${digest}%0a ${digest}%20 ${digest}. ${digest}; ${digest}@${digest}`,
  ),
  ...words(
    `sha256:..%2f..%2fetc sha256:${hex.slice(1)} sha256:${hex}0 sha256:${hex.toUpperCase()} sha256:${hex.slice(1)}g`,
  ),
  ...words(
    `sha256:0x${hex.slice(2)} SHA256:${hex} sha256::${hex} sha1:${hex.slice(0, 40)} sha512:${hex} sha256+b64:${hex}`,
  ),
  ...words(`: sha256: sha256:${'a'.repeat(10_000)}`),
];
const notDigests = words(`.. %2e%2e latest ${hex} sha256-${hex} sha256%253a${hex}`);

const oddTags: readonly string[] = [
  '',
  ...words('. .. %2e%2e -x .x ..%2f..%2fetc ..%5cetc latest%00 latest%0a latest%20 a%2fb a+b a@b a\\b caf%c3%a9'),
  ...words(`$(id) %3cscript%3e * ~ sha256%253a${hex} ${'a'.repeat(129)} ${'a'.repeat(10_000)}`),
];

/** Unknown paths. `/metrics` and similar paths are unknown here, because other listeners serve them. */
const elsewhere = words(`
  /.. /../ /../../etc/passwd /%2e%2e/%2e%2e/etc/passwd /..%2f..%2fetc%2fpasswd /..\\..\\etc\\passwd /etc/passwd
  /.env /.git/config /index.html /v1/ /v1/_ping /v1/search?q=a /v3/ /V2/ /v2x /v20/ /v2.0/
  /metrics /healthz /readyz /debug/health /debug/pprof/ /console/ /v1/pins /v1/purge /admin
  /v2/.. /v2/../ /v2/. /v2// /v2/x /v2/_catalog/ /v2/_catalog/x /v2/library/app /v2/library/app/
  /v2/library/app/tags /v2/library/app/tags/other /v2/library/app/tags/list/ /v2/library/app/unknown/latest
  /v2/library/app/manifests/latest/x /v2/library/app/MANIFESTS/latest /a/b/v2/ /a/b/v2/library/app/manifests/latest`);

const undecodable = words(
  '/v2/library/app/manifests/% /v2/library/app/manifests/%ff /% /%zz/v2/ /v2/library/app/tags/list%',
);

const writes = words('POST PUT PATCH DELETE OPTIONS TRACE QUERY');
/** Methods for which the server has no route. */
const otherMethods =
  words(`PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK SEARCH REPORT MKCALENDAR MKACTIVITY PURGE LINK
  UNLINK BIND REBIND UNBIND ACL CHECKOUT MERGE NOTIFY SUBSCRIBE UNSUBSCRIBE M-SEARCH SOURCE`);
const writtenPaths = [
  '/v2/',
  '/v2/_catalog',
  '/v2/library/app/blobs/uploads/',
  `/v2/library/app/blobs/uploads/?mount=${digest}&from=library/other`,
  '/v2/library/app/manifests/latest',
  `/v2/library/app/blobs/${digest}`,
  `/ghcr.io/v2/library/app/manifests/${digest}`,
];

/** Node.js itself rejects these requests, so the response does not have the error format of registries. */
const invalidRequests = [
  'GET /v2/library/\0/manifests/latest HTTP/1.1',
  'GET /v2/library/a\0/manifests/latest HTTP/1.1',
  'GET /v2/library/a b/manifests/latest HTTP/1.1',
  'GET /v2/library/a\tb/manifests/latest HTTP/1.1',
  'GET /v2/library/a\x7f/manifests/latest HTTP/1.1',
  'GET /v2/library/a\rb/manifests/latest HTTP/1.1',
  'GET v2/library/app/manifests/latest HTTP/1.1',
  'GET ../v2/ HTTP/1.1',
  'GET ?ns=docker.io HTTP/1.1',
  'GET  HTTP/1.1',
  'get /v2/ HTTP/1.1',
  'Get /v2/ HTTP/1.1',
  'BREW /v2/ HTTP/1.1',
  'GETT /v2/ HTTP/1.1',
  'G ET /v2/ HTTP/1.1',
  'GET\0 /v2/ HTTP/1.1',
  `${'A'.repeat(1000)} /v2/ HTTP/1.1`,
  'HTTP/1.1 200 OK',
  'PUT /v2/a HTTP/9.9',
  'GET /v2/ XHTTP/1.1',
];

const agent = new Agent({ keepAlive: true });
after(() => agent.destroy());

async function start(t: TestContext) {
  const pullThrough = createMemoryPullThrough({ blobs: [bytes], manifests: [bytes] });
  const { url, port } = await startFrontend(t, { pullThrough });
  const expectError = async (method: string, path: string, status: number, code: string) => {
    const answer = await sendRequest(url + path, { method, agent });
    const what = `${method} ${path.slice(0, 200)}`;
    assert.equal(answer.status, status, what);
    assert.equal(errorsOf(answer)[0]?.code, code, what);
    assert.equal(answer.headers['x-evil'], undefined, what);
  };
  const assertNoCalls = () => assert.deepEqual(pullThrough.calls, []);
  return { expectError, port, assertNoCalls };
}

const rejected: readonly [what: string, paths: readonly string[], status: number, code: string][] = [
  ['an odd name', oddNames.flatMap(pathsOfName), 400, 'NAME_INVALID'],
  [
    'an odd digest of a blob',
    [...oddDigests, ...notDigests].map((odd) => `/v2/library/app/blobs/${odd}`),
    400,
    'DIGEST_INVALID',
  ],
  [
    'an odd digest of a subject',
    [...oddDigests, ...notDigests].map((odd) => `/v2/library/app/referrers/${odd}`),
    400,
    'DIGEST_INVALID',
  ],
  ['an odd digest of a manifest', oddDigests.map((odd) => `/v2/library/app/manifests/${odd}`), 400, 'DIGEST_INVALID'],
  ['an odd tag', oddTags.map((odd) => `/v2/library/app/manifests/${odd}`), 404, 'MANIFEST_UNKNOWN'],
  ['an undecodable path', undecodable, 400, 'NAME_INVALID'],
  ['a path outside the API', elsewhere, 404, 'NAME_UNKNOWN'],
];
for (const [what, paths, status, code] of rejected)
  test(`odd requests: ${what} is rejected with ${status} ${code}`, async (t) => {
    const { expectError, assertNoCalls } = await start(t);
    for (const path of paths) await expectError('GET', path, status, code);
    assertNoCalls();
  });

test('odd requests: every method but GET and HEAD is rejected', async (t) => {
  const { expectError, assertNoCalls } = await start(t);
  for (const path of writtenPaths) {
    for (const method of writes) await expectError(method, path, 405, 'UNSUPPORTED');
    for (const method of otherMethods) await expectError(method, path, 404, 'NAME_UNKNOWN');
  }
  assertNoCalls();
});

test('odd requests: an invalid request is rejected, and the connection is closed', async (t) => {
  const { port, assertNoCalls } = await start(t);
  for (const line of invalidRequests) {
    const { socket, received, closed } = await openRawConnection(t, port);
    socket.write(`${line}\r\nHost: cache.test\r\n\r\n`, 'latin1');
    await closed;
    assert.match(received().toString(), /^HTTP\/1\.1 400 Bad Request\r\n[^]*"message":"Client Error"[^{]*\}$/, line);
  }
  assertNoCalls();
});
