import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchesWildcard } from './matches-wildcard.ts';

test('a star is any text, a question mark a character, everything else itself', () => {
  for (const [text, pattern, expected] of [
    ['refs/heads/main', 'refs/heads/main', true],
    ['refs/heads/main', 'refs/heads/*', true],
    ['refs/heads/a/b', 'refs/heads/*', true],
    ['refs/heads/', 'refs/heads/*', true],
    ['refs/heads', 'refs/heads/*', false],
    ['repo:acme/app:ref:refs/heads/main', 'repo:acme/*:ref:refs/heads/main', true],
    ['acme-evil/app', 'acme/*', false],
    ['v1.2', 'v?.?', true],
    ['v10.2', 'v?.?', false],
    ['', '*', true],
    ['', '', true],
    ['a', '', false],
    ['a.b', 'a?b', true],
    ['axb', 'a.b', false],
    ['aab', '*ab', true],
    ['Main', 'main', false],
  ] as const)
    assert.equal(matchesWildcard(text, pattern), expected, `${text} ${pattern}`);
});

test('a pattern that is made to take long does not', () => {
  assert.equal(matchesWildcard('a'.repeat(5000), `${'*a'.repeat(500)}b`), false);
});
