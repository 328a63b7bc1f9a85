// What is packed for Redis comes out as it went in, whatever it is.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf, mediaTypes } from '@cistern/oci';
import { packDigest, unpackDigest, packMediaType, unpackMediaType } from './record-format.ts';

test('digests of both algorithms', () => {
  for (const algorithm of ['sha256', 'sha512'] as const) {
    const digest = digestOf(Buffer.from('blob'), algorithm);
    assert.equal(unpackDigest(packDigest(digest)), digest);
    assert.ok(packDigest(digest).length < 0.65 * digest.length);
  }
});

test('media types that are known, those that are not, and text that looks like a code', () => {
  for (const type of [...Object.values(mediaTypes), 'application/vnd.example+json', '', '/', '/a', '//a', '///'])
    assert.equal(unpackMediaType(packMediaType(type)), type);
  assert.equal(packMediaType(mediaTypes.ociManifest).length, 2);
});
