import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '@cistern/config';
import type { CacheNode } from '../api/nodes.ts';
import { compareNodes } from './compare-nodes.ts';
import { createFound } from './find-local-problems.ts';

const found = createFound(loadConfig({ env: {}, defaults: { rootDirectory: '/' } }));

const node = (name: string, version: string, differs = false) =>
  ({ name, version, configuration: { differs, needsRestart: [] } }) as unknown as CacheNode;

test('mixed versions and differing configurations are warnings', () => {
  assert.deepEqual(compareNodes(found, [node('a', '2'), node('b', '2')]), []);
  const problems = compareNodes(found, [node('a', '2'), node('b', '1'), node('c', '2', true)]);
  assert.partialDeepStrictEqual(problems, [
    { kind: 'versions-mixed', severity: 'warning', reason: 'Nodes run different versions: 1 (b), 2 (a, c).' },
    { kind: 'configuration-differs', severity: 'warning', node: 'c' },
  ]);
  const many = ['a', 'b', 'c', 'd'].map((name) => node(name, '2'));
  assert.match(compareNodes(found, [...many, node('e', '1')])[0]?.reason ?? '', /: 1 \(e\), 2 \(4 nodes\)\.$/);
});
