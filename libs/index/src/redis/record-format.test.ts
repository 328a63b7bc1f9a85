// Checks that packed values unpack to the same values.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf, mediaTypes } from '@cistern/oci';
import {
  firstByteOf,
  packDigest,
  packedPattern,
  unpackDigest,
  packMediaType,
  unpackMediaType,
} from './record-format.ts';

test('digests of both algorithms unpack to themselves', () => {
  for (const algorithm of ['sha256', 'sha512'] as const) {
    const digest = digestOf(Buffer.from('blob'), algorithm);
    assert.equal(unpackDigest(packDigest(digest)), digest);
    assert.ok(packDigest(digest).length < 0.65 * digest.length);
  }
});

test('known media types, unknown ones and text that looks like a code unpack to themselves', () => {
  for (const type of [...Object.values(mediaTypes), 'application/vnd.example+json', '', '/', '/a', '//a', '///'])
    assert.equal(unpackMediaType(packMediaType(type)), type);
  assert.equal(packMediaType(mediaTypes.ociManifest).length, 2);
});

test('the pattern of a range of bytes matches the packed digests that begin with them, and at most three bytes more', () => {
  const digests = Array.from({ length: 4000 }, (_, number) =>
    digestOf(Buffer.from(String(number)), number % 2 ? 'sha256' : 'sha512'),
  );
  for (const [first, last] of [
    [0, 0],
    [3, 4],
    [16, 31],
    [5, 200],
    [248, 255],
    [0, 255],
  ] as const) {
    const pattern = new RegExp(`^${packedPattern(first, last).replace('*', '.*')}$`);
    for (const digest of digests) {
      const packed = packDigest(digest);
      const byte = Number.parseInt(digest.split(':')[1]!.slice(0, 2), 16);
      assert.equal(firstByteOf(packed), byte);
      if (byte >= first && byte <= last) assert.match(packed, pattern);
      if (byte < first - 3 || byte > last + 3) assert.doesNotMatch(packed, pattern);
    }
  }
});
