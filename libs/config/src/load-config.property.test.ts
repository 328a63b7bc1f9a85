// Generates configurations of known keys, with valid and invalid values. Each one must load, or be rejected with
// problems that an operator can act on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KeyNode } from './source/key-tree.ts';
import { ConfigError } from './source/problems.ts';
import { keyTree } from './build-config.ts';
import { load } from './testing.ts';

const secret = 'hidden-pass-word';
const text = [
  '5m',
  '-1s',
  '10GiB',
  ':5000',
  '[::1]:0',
  'https://a.example/x',
  '10.0.0.0/8',
  'v1',
  '*',
  '',
  '0 4 * * *',
  '${x}',
];
const scalar = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom<unknown>(...text, 0, -1, 1e21, 0.5, true, false, null) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
);
const name = fc.constantFrom('docker.io', 'a.example', 'b', 'A b', '__proto__', 'constructor', '../x', '');

function sectionOf(children: ReadonlyMap<string, KeyNode>): fc.Arbitrary<unknown> {
  const shape = Object.fromEntries([...children].map(([key, node]) => [key, valueOf(node, key)]));
  // A section has at most four of its keys, because each further key makes it less likely that the document is valid.
  return fc
    .subarray(Object.keys(shape), { maxLength: Math.min(4, children.size) })
    .chain((keys) => fc.record(Object.fromEntries(keys.map((key) => [key, shape[key] ?? scalar]))));
}

function valueOf(node: KeyNode, key: string): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 8, arbitrary: fittingValue(node, key) }, { weight: 1, arbitrary: scalar });
}

function fittingValue(node: KeyNode, key: string): fc.Arbitrary<unknown> {
  switch (node.kind) {
    case 'section':
      return sectionOf(node.children);
    case 'map':
      return fc.dictionary(name, valueOf(node.item, key), { maxKeys: 3 });
    case 'list':
      return fc.array(node.item === undefined ? scalar : sectionOf(node.item.children), { maxLength: 3 });
    case 'unsupported':
      return node.below === undefined ? scalar : valueOf(node.below, key);
    case 'value':
      return /^(?:password|secret|secretkey|sentinelpassword)$/.test(key) ? fc.constant(secret) : scalar;
    default:
      return node satisfies never;
  }
}

function assertLoadedOrRefused(source: string, env: Readonly<Record<string, string>> = {}): void {
  try {
    assert.ok(Object.isFrozen(load(source, { env })));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    assert.ok(error.problems.length > 0 && error.problems.every(({ message }) => message !== ''), error.message);
    assert.ok(!error.message.includes(secret), error.message);
  }
}

test('any choice of known keys is loaded or rejected with problems', () => {
  fc.assert(fc.property(sectionOf(keyTree.children), (document) => assertLoadedOrRefused(JSON.stringify(document))));
});

test('text that is nearly YAML is loaded or rejected with problems', () => {
  const words = [
    'version: 0.1\n',
    'http:\n',
    '  addr: ',
    ':5000',
    '\n',
    '- ',
    '&a',
    '*a',
    '<<: ',
    '{',
    '}',
    '[',
    '"',
    '|',
    '!!js',
    '\t',
    '#',
  ];
  const piece = fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...words) }, fc.string({ maxLength: 4 }));
  fc.assert(fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => assertLoadedOrRefused(pieces.join(''))));
});

test('any environment variables are loaded or rejected with problems', () => {
  const words = [
    'HTTP',
    'ADDR',
    'UPSTREAMS',
    'docker.io',
    'STORAGE',
    'PROXY',
    'REMOTEURL',
    'HEADERS',
    '0',
    '__proto__',
    '',
  ];
  const variable = fc
    .array(fc.constantFrom(...words), { minLength: 1, maxLength: 5 })
    .map((all) => `REGISTRY_${all.join('_')}`);
  const value = fc.oneof(fc.constantFrom(...text, '[1, 2]', '{a: b}', '['), fc.string());
  fc.assert(
    fc.property(fc.dictionary(variable, value, { maxKeys: 4 }), (env) => assertLoadedOrRefused('version: 0.1', env)),
  );
});

test('a file named after an inherited object property counts as missing', () => {
  assertLoadedOrRefused(JSON.stringify({ redis: { passwordfile: 'valueOf' } }));
});
