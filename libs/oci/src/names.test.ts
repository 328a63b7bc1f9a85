import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createDigestHash,
  digestAlgorithm,
  digestHex,
  digestOf,
  isDigest,
  parseDigest,
  parseReference,
  parseTag,
  parseRepositoryName,
} from './names.ts';
import { OciSyntaxError } from './syntax-error.ts';

// The "abc" of FIPS 180.
const sha256 = 'sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
const sha512 =
  'sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f';

test('the digest of bytes matches the published examples', () => {
  assert.equal(digestOf(Buffer.from('abc')), sha256);
  assert.equal(digestOf(Buffer.from('abc'), 'sha512'), sha512);
});

test('a digest is split into its parts, and hashes with its own algorithm', () => {
  for (const value of [sha256, sha512]) {
    const digest = parseDigest(value);
    assert.equal(`${digestAlgorithm(digest)}:${digestHex(digest)}`, value);
    assert.equal(createDigestHash(digest).update('a').update('bc').digest('hex'), digestHex(digest));
  }
});

test('a value that is not a lower-case sha256 or sha512 digest is rejected', () => {
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

const digest = `sha256:${'0'.repeat(64)}`;

function rejects(value: string, code: string): void {
  assert.throws(
    () => parseReference(value),
    (error) => error instanceof OciSyntaxError && error.code === code,
    value,
  );
}

test('a reference with a colon is a digest, any other is a tag', () => {
  assert.deepEqual(parseReference(digest), { kind: 'digest', digest });
  assert.deepEqual(parseReference('latest'), { kind: 'tag', tag: 'latest' });
  // Clients use tags of this form to find signatures and referrers.
  assert.deepEqual(parseReference('sha256-00'), { kind: 'tag', tag: 'sha256-00' });
});

test('a tag has up to 128 letters, digits, dots, dashes and underscores', () => {
  for (const tag of ['1', '_a', 'V1.0-rc_2', 'x'.repeat(128)]) assert.equal(parseTag(tag), tag);
  for (const tag of ['', '.a', '-a', 'a/b', 'a b', 'é', 'a\n', 'a%', '..', 'x'.repeat(129)])
    rejects(tag, 'TAG_INVALID');
});

test('a colon in anything but a digest is an invalid digest', () => {
  for (const value of [':', 'a:b', `${digest}0`, `x@${digest}`]) rejects(value, 'DIGEST_INVALID');
});

test('a name is lower-case components with single separators between letters and digits', () => {
  for (const name of ['a', 'library/nginx', '0/1/2', 'a.b/a_b/a__b/a-b/a---b', 'a'.repeat(255)])
    assert.equal(parseRepositoryName(name), name);
});

test('any other name is rejected', () => {
  const names = [
    '',
    '/',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    'a/../b',
    'A',
    'a..b',
    'a___b',
    'a._b',
    '-a',
    'a-',
    '_a',
    'a.',
    'a b',
  ];
  names.push('a:5000/b', 'a%2fb', 'a\\b', 'a\n', 'a\0', 'é', 'a'.repeat(256));
  for (const name of names)
    assert.throws(
      () => parseRepositoryName(name),
      (error) => error instanceof OciSyntaxError && error.code === 'NAME_INVALID',
      name,
    );
});
