import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Problem } from '@cistern/runtime/process';
import { mergeProblems } from './merge-problems.ts';

const words = { reason: 'A reason.', works: 'Hits.', mend: 'Wait.', severity: 'critical' } as const;
const full: Problem = { ...words, kind: 'spool-full', part: 'spool', sinceMs: 5 };
const refused: Problem = { ...words, kind: 'credentials-refused', part: 'credentials', subject: 'quay.io', sinceMs: 9 };
const unavailable: Problem = { ...words, kind: 'store-unavailable', part: 'store', isUnready: true, sinceMs: 1 };
const worker = (name: string, ...problems: readonly Problem[]) => ({ name, role: 'worker' as const, problems });
const admin = (...problems: readonly Problem[]) => ({ name: 'admin', role: 'admin' as const, problems });

test('nodes with the same problem have one, which is as old as the oldest', () => {
  const both = [worker('a', refused), worker('b', { ...refused, sinceMs: 7 })];
  assert.partialDeepStrictEqual(mergeProblems(admin(), both), [
    { kind: 'credentials-refused', subject: 'quay.io', sinceMs: 7, severity: 'critical', node: undefined },
  ]);
  const other = { ...refused, subject: 'docker.io' };
  assert.equal(mergeProblems(admin(), [worker('a', refused, other)]).length, 2);
  assert.partialDeepStrictEqual(mergeProblems(admin({ ...unavailable, sinceMs: 9 }), [worker('a', unavailable)]), [
    { sinceMs: 1, node: undefined },
  ]);
});

test('a problem of one of several nodes names the node, also the only one of its role', () => {
  assert.partialDeepStrictEqual(mergeProblems(admin(), [worker('a', refused), worker('b')]), [{ node: 'a' }]);
  assert.partialDeepStrictEqual(mergeProblems(admin(), [worker('a', refused)]), [{ node: 'a' }]);
  const late: Problem = { ...words, kind: 'clock-off', part: 'clock', sinceMs: 1 };
  assert.partialDeepStrictEqual(mergeProblems(admin(late), [worker('a')]), [{ node: 'admin' }]);
  assert.partialDeepStrictEqual(mergeProblems(admin(), [worker('a', unavailable)]), [{ node: 'a' }]);
  assert.partialDeepStrictEqual(mergeProblems(admin(unavailable), [worker('a')]), [{ node: undefined }]);
  assert.partialDeepStrictEqual(mergeProblems(worker('a', refused), []), [{ node: undefined }]);
});

test('the reports of the asked node are not those of another', () => {
  assert.deepEqual(mergeProblems(worker('a'), [worker('a', refused)]), []);
});

test('missing workers are a problem of the whole cache, also if only one node has seen it yet', () => {
  const noWorker: Problem = { ...words, kind: 'no-worker', part: 'workers', sinceMs: 1 };
  const frontend = { name: 'f', role: 'frontend', problems: [] } as const;
  assert.partialDeepStrictEqual(mergeProblems(admin(noWorker), [frontend]), [{ node: undefined }]);
});

test('a full spool is critical only if no worker has space', () => {
  assert.partialDeepStrictEqual(mergeProblems(admin(), [worker('a', full), worker('b')]), [
    { severity: 'warning', node: 'a' },
  ]);
  assert.partialDeepStrictEqual(mergeProblems(admin(), [worker('a', full), worker('b', full)]), [
    { severity: 'critical' },
  ]);
});

test('the worst severity counts, and only an own problem makes the asked node unready', () => {
  assert.partialDeepStrictEqual(mergeProblems(admin(), [worker('a', unavailable)]), [{ isUnready: false }]);
  const mild = { ...unavailable, severity: 'warning', isUnready: false } as const;
  assert.partialDeepStrictEqual(mergeProblems(admin(mild), [worker('a', unavailable)]), [
    { severity: 'critical', isUnready: false },
  ]);
  assert.partialDeepStrictEqual(mergeProblems(admin(unavailable), [worker('a')]), [{ isUnready: true }]);
});

test('an older node reports no problems', () => {
  assert.deepEqual(mergeProblems(admin(), [{ name: 'old', role: 'worker', problems: undefined }]), []);
});
