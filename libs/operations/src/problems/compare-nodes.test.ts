import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '@cistern/config';
import type { CacheNode } from '../api/nodes.ts';
import { compareNodes } from './compare-nodes.ts';
import { createFound } from './find-local-problems.ts';

const found = createFound(loadConfig({ env: {}, defaults: { rootDirectory: '/' } }));

const nodeOf = (name: string, version: string, differs = false) =>
  ({
    name,
    role: 'frontend',
    version,
    state: 'running',
    configuration: { differs, needsRestart: [] },
  }) as unknown as CacheNode;

test('mixed versions and differing configurations are warnings', () => {
  assert.deepEqual(compareNodes(found, [nodeOf('a', '2'), nodeOf('b', '2')]), []);
  const problems = compareNodes(found, [nodeOf('a', '2'), nodeOf('b', '1'), nodeOf('c', '2', true)]);
  assert.partialDeepStrictEqual(problems, [
    { kind: 'versions-mixed', severity: 'warning', reason: 'Nodes run different versions: 1 (b), 2 (a, c).' },
    { kind: 'configuration-differs', severity: 'warning', node: 'c' },
  ]);
  const many = ['a', 'b', 'c', 'd'].map((name) => nodeOf(name, '2'));
  assert.match(compareNodes(found, [...many, nodeOf('e', '1')])[0]?.reason ?? '', /: 1 \(e\), 2 \(4 nodes\)\.$/);
});

const seenNode = (name: string, role: string, state: string, startedAt: number, seenAt: number) =>
  ({ name, role, version: '2', state, startedAt, seenAt, configuration: null }) as unknown as CacheNode;

test('a lost node is a warning until a node of its role replaces it', () => {
  const nodes = [
    seenNode('f', 'frontend', 'running', 1, 99),
    seenNode('a', 'worker', 'running', 1, 99),
    seenNode('b', 'worker', 'lost', 1, 40),
    seenNode('c', 'worker', 'lost', 1, 50),
    seenNode('d', 'worker', 'stopped', 1, 50),
  ];
  const lost = (more: readonly CacheNode[] = []) => compareNodes(found, [...nodes, ...more]).map(({ node }) => node);
  assert.deepEqual(lost(), ['b', 'c']);
  assert.deepEqual(lost([seenNode('e', 'frontend', 'running', 60, 99)]), ['b', 'c']);
  assert.deepEqual(lost([seenNode('e', 'worker', 'running', 45, 99)]), ['c']);
  assert.deepEqual(lost([seenNode('b', 'worker', 'running', 60, 99), seenNode('e', 'worker', 'running', 61, 99)]), []);
  // The one that replaced it has ended in its turn.
  assert.deepEqual(lost([seenNode('e', 'worker', 'stopped', 45, 99)]), ['c']);
  assert.deepEqual(lost([seenNode('e', 'worker', 'lost', 45, 99)]), ['c', 'e']);
  assert.partialDeepStrictEqual(compareNodes(found, nodes)[0], {
    kind: 'node-lost',
    severity: 'warning',
    subject: 'b',
    sinceMs: 40,
    reason: 'The worker b ended without notice, or cannot reach the index.',
  });
});

const kinds = (...nodes: readonly CacheNode[]) => compareNodes(found, nodes).map(({ kind }) => kind);

test('a cluster without a frontend serves nothing', () => {
  const worker = seenNode('w', 'worker', 'running', 1, 99);
  const admin = seenNode('a', 'admin', 'running', 1, 99);
  assert.deepEqual(kinds(admin), []);
  assert.deepEqual(kinds(admin, worker), ['no-frontend']);
  assert.deepEqual(kinds(admin, seenNode('f', 'frontend', 'stopped', 1, 50)), ['no-frontend']);
  assert.deepEqual(kinds(admin, worker, seenNode('f', 'frontend', 'running', 1, 99)), []);
  assert.deepEqual(kinds(admin, worker, seenNode('s', 'standalone', 'running', 1, 99)), []);
});
