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

test('a value that skips the YAML parser has the meaning that YAML gives it', () => {
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 5 }), (parts) => {
      const text = parts.join('');
      let expected: unknown = text;
      try {
        expected = readYaml(text);
      } catch {
        // Invalid YAML is returned as text.
      }
      assert.deepEqual(readValue(text), expected, text);
    }),
    { numRuns: 1000 },
  );
});
