import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readValue } from './environment.ts';
import { readYaml } from './read-yaml.ts';

const pieces = fc.constantFrom(
  ':',
  '/',
  '.',
  '-',
  '_',
  '~',
  '#',
  ' ',
  '[',
  '*',
  '0',
  '9',
  'a',
  'Z',
  'null',
  'NULL',
  'é',
);

test('what needs no reading means what YAML says it means', () => {
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 5 }), (parts) => {
      const text = parts.join('');
      let expected: unknown = text;
      try {
        expected = readYaml(text);
      } catch {
        // No YAML: it means itself.
      }
      assert.deepEqual(readValue(text), expected, text);
    }),
    { numRuns: 1000 },
  );
});
