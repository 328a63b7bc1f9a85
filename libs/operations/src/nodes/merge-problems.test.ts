import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Problem } from '@cistern/runtime/process';
import { mergeReported } from './merge-problems.ts';

const words = { reason: 'A reason.', works: 'Hits.', mend: 'Wait.', severity: 'critical' } as const;
const full: Problem = { ...words, kind: 'spool-full', part: 'spool', sinceMs: 5 };
const refused: Problem = { ...words, kind: 'credentials-refused', part: 'credentials', subject: 'quay.io', sinceMs: 9 };
const worker = (name: string, ...problems: readonly Problem[]) => ({ name, role: 'worker' as const, problems });

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
  const unavailable: Problem = { ...words, kind: 'index-unavailable', part: 'index', isUnready: true, sinceMs: 1 };
  assert.partialDeepStrictEqual(mergeReported([worker('a', unavailable)]), [{ isUnready: false }]);
});

test('an older node reports no problems', () => {
  assert.deepEqual(mergeReported([{ name: 'old', role: 'worker' }]), []);
});
