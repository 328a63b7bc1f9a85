import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '@cistern/config';
import type { CacheNode } from '../api/nodes.ts';
import { compareNodes, mergeReported, type ReportedProblem } from './find-cluster-problems.ts';
import { createFound } from './find-local-problems.ts';

const found = createFound(loadConfig({ env: {}, defaults: { rootDirectory: '/' } }));
const full: ReportedProblem = { ...found('spool-full', 'The spool is full.'), sinceMs: 5 };
const refused: ReportedProblem = { ...found('credentials-refused', 'Refused.', { subject: 'quay.io' }), sinceMs: 9 };
const worker = (name: string, ...problems: readonly ReportedProblem[]) => ({ name, role: 'worker' as const, problems });

test('nodes with the same problem have one, which is as old as the oldest', () => {
  assert.partialDeepStrictEqual(mergeReported([worker('a', refused), worker('b', { ...refused, sinceMs: 7 })]), [
    { kind: 'credentials-refused', subject: 'quay.io', sinceMs: 7, severity: 'critical', node: undefined },
  ]);
  const other = { ...refused, subject: 'docker.io' };
  assert.equal(mergeReported([worker('a', refused, other)]).length, 2);
});

test('a problem of one of several nodes names the node', () => {
  assert.partialDeepStrictEqual(mergeReported([worker('a', refused), worker('b')]), [{ node: 'a' }]);
  assert.partialDeepStrictEqual(mergeReported([worker('a', refused)]), [{ node: undefined }]);
});

test('a full spool is critical only if no worker has space', () => {
  assert.partialDeepStrictEqual(mergeReported([worker('a', full), worker('b')]), [{ severity: 'warning', node: 'a' }]);
  assert.partialDeepStrictEqual(mergeReported([worker('a', full), worker('b', full)]), [{ severity: 'critical' }]);
});

test('a node that is not ready for clients does not make another node unready', () => {
  const unavailable = { ...found('index-unavailable', 'Redis hangs.'), sinceMs: 1 };
  assert.partialDeepStrictEqual(mergeReported([worker('a', unavailable)]), [{ isUnready: false }]);
});

test('an older node reports no problems', () => {
  assert.deepEqual(mergeReported([{ name: 'old', role: 'worker' }]), []);
});

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
