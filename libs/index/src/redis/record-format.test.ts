// Checks that packed values unpack to the same values.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf, mediaTypes } from '@cistern/oci';
import { packDigest, packedPattern, unpackDigest, packMediaType, unpackMediaType } from './record-format.ts';

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

test('the pattern of a first byte matches only the packed digests that begin with it', () => {
  const digests = Array.from({ length: 4000 }, (_, number) =>
    digestOf(Buffer.from(String(number)), number % 2 ? 'sha256' : 'sha512'),
  );
  for (let byte = 0; byte < 256; byte += 1) {
    const hexByte = byte.toString(16).padStart(2, '0');
    const pattern = new RegExp(`^${packedPattern(hexByte).replace('*', '.*')}$`);
    for (const digest of digests)
      assert.equal(pattern.test(packDigest(digest)), digest.split(':')[1]!.startsWith(hexByte), `${hexByte} ${digest}`);
  }
});
