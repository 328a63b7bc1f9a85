import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRepositoryName } from './repository-name.ts';
import { OciSyntaxError } from './syntax-error.ts';

test('a name is lower-case components with single separators between letters and digits', () => {
  for (const name of ['a', 'library/nginx', '0/1/2', 'a.b/a_b/a__b/a-b/a---b', 'a'.repeat(255)])
    assert.equal(parseRepositoryName(name), name);
});

test('any other name is refused', () => {
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
