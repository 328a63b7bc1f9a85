import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CacheError, type CacheErrorKind, cacheErrorKinds, type CacheErrorOptions } from '@cistern/errors';
import { OciSyntaxError } from '@cistern/oci';
import { describeError } from './error-reply.ts';

const rows = (mode: 'mirror' | 'prefix') =>
  cacheErrorKinds.map((kind) => {
    const { status, headers, body, kind: told } = describeError(new CacheError(kind, 'What to do.'), mode);
    assert.equal(told, kind);
    const { errors } = JSON.parse(body.toString()) as { errors: { code: string; message: string }[] };
    assert.equal(errors[0]?.message, 'What to do.');
    return `${kind}: ${status} ${errors[0]?.code}${headers['retry-after'] ? ` after ${headers['retry-after']} s` : ''}`;
  });

// A change here is a change of what every client does next: see docs/wire.md before you make it.
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

test('a client of a mirror hears 503 where others hear 429, and the same otherwise', () => {
  const expected = toPrefixClients.replaceAll('429 TOOMANYREQUESTS', '503 UNAVAILABLE');
  assert.equal(`\n${rows('mirror').join('\n')}`, expected);
});

const headersOf = (kind: CacheErrorKind, options?: CacheErrorOptions) =>
  describeError(new CacheError(kind, 'What to do.', options), 'mirror').headers;

test('the error itself knows best when to come back, in whole seconds, never at once and within a minute', () => {
  const told = [0, 1, 2001, 60_000, 21_600_000].map(
    (retryAfterMs) => headersOf('overloaded', { retryAfterMs })['retry-after'],
  );
  assert.deepEqual(told, ['1', '1', '3', '60', '60']);
});

test('a size that is known is told with a 416', () => {
  assert.equal(headersOf('range-unsatisfiable', { detail: { size: 12 } })['content-range'], 'bytes */12');
  assert.equal(headersOf('range-unsatisfiable')['content-range'], undefined);
});

test('a 405 lists what is allowed', () => {
  assert.equal(headersOf('unsupported')['allow'], 'GET, HEAD');
});

test('a syntax error is a 400 with its own code', () => {
  for (const code of ['NAME_INVALID', 'DIGEST_INVALID', 'TAG_INVALID', 'PAGINATION_NUMBER_INVALID'] as const) {
    const { status, body } = describeError(new OciSyntaxError(code, 'why'), 'mirror');
    assert.equal(status, 400);
    assert.deepEqual(JSON.parse(body.toString()), { errors: [{ code, message: 'why' }] });
  }
});

test('what is no CacheError tells the client nothing of itself', () => {
  for (const error of [new TypeError('secret of the inside'), 'secret', undefined, { message: 'secret' }]) {
    const { status, kind, body } = describeError(error, 'prefix');
    assert.equal(status, 500);
    assert.equal(kind, 'internal');
    assert.match(body.toString(), /"UNKNOWN"/);
    assert.doesNotMatch(body.toString(), /secret/);
  }
});
