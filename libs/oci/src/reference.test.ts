import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseReference, parseTag } from './reference.ts';
import { OciSyntaxError } from './syntax-error.ts';

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
  // The tag under which signatures and referrers are looked for.
  assert.deepEqual(parseReference('sha256-00'), { kind: 'tag', tag: 'sha256-00' });
});

test('a tag has up to 128 letters, digits, dots, dashes and underscores', () => {
  for (const tag of ['1', '_a', 'V1.0-rc_2', 'x'.repeat(128)]) assert.equal(parseTag(tag), tag);
  for (const tag of ['', '.a', '-a', 'a/b', 'a b', 'é', 'a\n', 'a%', '..', 'x'.repeat(129)])
    rejects(tag, 'TAG_INVALID');
});

test('a colon with anything but a digest around it is an invalid digest', () => {
  for (const value of [':', 'a:b', `${digest}0`, `x@${digest}`]) rejects(value, 'DIGEST_INVALID');
});
