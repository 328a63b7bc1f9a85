// Tests random names and patterns: a pattern never allows more than it denies.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'node:test';
import { fitsPattern } from './authorize.ts';

const names = fc.string({ unit: fc.constantFrom('a', 'b', '/', ':', '.', '-', '\n'), minLength: 1, maxLength: 12 });
const patterns = fc.string({
  unit: fc.constantFrom('a', 'b', '/', ':', '.', '*', '?', '{a,b}', '[', ']'),
  maxLength: 10,
});

test('a pattern denies every name that it allows, and itself', () => {
  fc.assert(
    fc.property(names, patterns, (name, pattern) => {
      assert.ok(fitsPattern('deny', pattern, pattern));
      if (fitsPattern('allow', name, pattern)) assert.ok(fitsPattern('deny', name, pattern));
    }),
  );
});

test('a star in a denying pattern matches any text at any position', () => {
  fc.assert(
    fc.property(names, fc.nat(12), fc.nat(12), (name, from, length) => {
      const replaced = name.slice(from, from + length);
      // A shell's star matches at least one character.
      if (replaced === '' || replaced === name) return assert.ok(fitsPattern('deny', name, '*'));
      assert.ok(fitsPattern('deny', name, `${name.slice(0, from)}*${name.slice(from + length)}`));
    }),
  );
});

test('a name that is a path to another name does not match that name', () => {
  for (const name of ['x/../ada', './ada', 'ada/', '/ada', 'ada/.', 'x//ada', '..', ''])
    for (const pattern of ['ada', '*', 'x/ada', '**', '*/ada'])
      assert.equal(fitsPattern('allow', name, pattern), false, `${name} ${pattern}`);
  assert.ok(fitsPattern('allow', 'x/../ada', 'x/../ada'));
  assert.ok(fitsPattern('allow', 'x/.ada/..b', 'x/.ada/..b'));
});

test('a star in an allowing pattern never matches a slash', () => {
  fc.assert(
    fc.property(names, names, (name, other) => {
      const component = name.replaceAll('/', '');
      assert.equal(fitsPattern('allow', `${component}a/${other}`, '*'), false);
      assert.equal(fitsPattern('allow', `a/${component}a/b`, 'a/*'), false);
    }),
  );
});
