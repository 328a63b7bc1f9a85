import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchesWildcard } from './oidc-rules.ts';

test('a star stops at a slash, two stars do not, a question mark is a character, and other text is literal', () => {
  for (const [text, pattern, expected] of [
    ['refs/heads/main', 'refs/heads/main', true],
    ['refs/heads/main', 'refs/heads/*', true],
    ['refs/heads/a/b', 'refs/heads/*', false],
    ['refs/heads/a/b', 'refs/heads/**', true],
    ['refs/heads/', 'refs/heads/*', true],
    ['refs/heads', 'refs/heads/*', false],
    ['repo:acme/app:ref:refs/heads/main', 'repo:acme/*:ref:refs/heads/main', true],
    ['repo:acme/app/x:ref:refs/heads/main', 'repo:acme/*:ref:refs/heads/main', false],
    ['repo:acme/app:ref:refs/heads/main', 'repo:acme/**', true],
    ['acme-evil/app', 'acme/*', false],
    ['acme-evil/app', 'acme*', false],
    ['acme-evil/app', 'acme/**', false],
    ['acme/team/app', 'acme/**', true],
    ['acme/team/app', 'acme/**/app', true],
    ['acme/app', 'acme/***', true],
    ['v1.2', 'v?.?', true],
    ['v10.2', 'v?.?', false],
    ['a/b', 'a?b', false],
    ['', '*', true],
    ['/', '*', false],
    ['', '', true],
    ['a', '', false],
    ['a.b', 'a?b', true],
    ['axb', 'a.b', false],
    ['aab', '*ab', true],
    ['a/xb', 'a/*b', true],
    ['a\nb', 'a*', true],
    ['Main', 'main', false],
  ] as const)
    assert.equal(matchesWildcard(text, pattern), expected, `${text} ${pattern}`);
});

test('a pattern designed to be slow ends quickly', () => {
  assert.equal(matchesWildcard('a'.repeat(1000), `${'*a'.repeat(100)}b`), false);
  assert.equal(matchesWildcard('a/'.repeat(1000), `${'**a*'.repeat(100)}b`), false);
});
