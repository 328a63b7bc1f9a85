import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from './names.ts';
import { hasDigest, hasSignedDigest } from './signed-manifest.ts';

const payload = '{\n   "schemaVersion": 1\n}';

/** In the format of libtrust. */
function sign(part: object = { formatLength: payload.length - 2, formatTail: 'Cn0' }): Buffer {
  const encoded = Buffer.from(JSON.stringify(part)).toString('base64url');
  return Buffer.from(`${payload.slice(0, -2)},\n   "signatures": [{ "protected": "${encoded}" }]\n}`);
}

test('a signed manifest has the digest of its bytes and of its signed content', () => {
  const bytes = sign();
  for (const algorithm of ['sha256', 'sha512'] as const) {
    assert.ok(hasDigest(bytes, digestOf(bytes, algorithm)));
    assert.ok(hasDigest(bytes, digestOf(Buffer.from(payload), algorithm)));
  }
  assert.ok(!hasSignedDigest(bytes, digestOf(bytes)));
});

test('a manifest without a valid signature has only the digest of its bytes', () => {
  const digest = digestOf(Buffer.from(payload));
  for (const bytes of [
    sign({}),
    sign({ formatLength: 'all', formatTail: 'Cn0' }),
    sign({ formatLength: 3, formatTail: 'Cn0' }),
    Buffer.from('{ "signatures": [] }'),
    Buffer.from('{ "signatures": [null] }'),
    Buffer.from('{ "signatures": [{ "protected": "e" }] }'),
    Buffer.from('"signatures"'),
    Buffer.from('null "signatures"'),
  ]) {
    assert.ok(!hasDigest(bytes, digest));
    assert.ok(hasDigest(bytes, digestOf(bytes)));
  }
});
