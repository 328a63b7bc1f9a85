import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDigestHash, digestAlgorithm, digestHex, digestOf, isDigest, parseDigest } from './digest.ts';
import { OciSyntaxError } from './syntax-error.ts';

// FIPS 180's "abc".
const sha256 = 'sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
const sha512 =
  'sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f';

test('the digest of bytes is that of the published examples', () => {
  assert.equal(digestOf(Buffer.from('abc')), sha256);
  assert.equal(digestOf(Buffer.from('abc'), 'sha512'), sha512);
});

test('a digest is taken apart, and hashes with its own algorithm', () => {
  for (const value of [sha256, sha512]) {
    const digest = parseDigest(value);
    assert.equal(`${digestAlgorithm(digest)}:${digestHex(digest)}`, value);
    assert.equal(createDigestHash(digest).update('a').update('bc').digest('hex'), digestHex(digest));
  }
});

test('anything but a lower-case sha256 or sha512 digest is refused', () => {
  const hex = sha256.slice(7);
  const values = ['', 'sha256', 'sha256:', hex, sha256.toUpperCase(), `sha256:${hex.toUpperCase()}`, `${sha256}0`];
  values.push(
    sha256.slice(0, -1),
    `sha512:${hex}`,
    `sha384:${'0'.repeat(96)}`,
    `sha256:${'g'.repeat(64)}`,
    `${sha256}\n`,
  );
  values.push(` ${sha256}`, `sha256:../${hex.slice(3)}`);
  for (const value of values) {
    assert.equal(isDigest(value), false, value);
    assert.throws(
      () => parseDigest(value),
      (error) => error instanceof OciSyntaxError && error.code === 'DIGEST_INVALID' && error.message.length < 200,
    );
  }
});
