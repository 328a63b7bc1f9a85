import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'node:test';
import { parseScopes } from './scopes.ts';

test('pull scopes yield their repositories', () => {
  for (const [scopes, names] of [
    [['repository:library/nginx:pull'], ['library/nginx']],
    [['repository:a:pull,push'], ['a']],
    [['repository:a:push,pull repository:b:pull'], ['a', 'b']],
    [['repository:a:pull', 'repository:a:pull'], ['a']],
    [['repository:localhost:5000/a:pull'], ['localhost:5000/a']],
    [['repository(plugin):a:*'], ['a']],
  ] as const)
    assert.deepEqual(parseScopes(scopes), names);
});

test('other scopes are ignored', () => {
  for (const scope of [
    '',
    'repository:a:push',
    'repository:a:',
    'repository:a',
    'registry:catalog:*',
    'repository::pull',
    ':::',
  ])
    assert.deepEqual(parseScopes([scope]), [], scope);
  assert.equal(parseScopes(Array.from({ length: 50 }, (_, at) => `repository:a${at}:pull`)).length, 20);
});

test('a scope of pullScope is parsed to the same name', () => {
  const piece = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('repository', ':', 'a/b', 'pull', 'push', ',', ' ', '*', '(', ')') },
    fc.string({ unit: 'binary', maxLength: 4 }),
  );
  const anything = fc.array(piece, { maxLength: 24 }).map((pieces) => pieces.join(''));
  const scope = fc.oneof(
    anything,
    anything.map((name) => `repository:${name}:pull`),
  );
  fc.assert(
    fc.property(fc.array(scope), (scopes) => {
      const names = parseScopes(scopes);
      assert.deepEqual(parseScopes(names.map((name) => `repository:${name}:pull`)), names);
    }),
  );
});
