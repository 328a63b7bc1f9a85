// Cases of the epoch and the health check of an index that works.
import assert from 'node:assert/strict';
import type { CacheIndexCases } from './index-under-test.ts';
import { claimed, sampleClaim } from './sample-records.ts';

export const epochCases: CacheIndexCases = {
  async 'check resolves while the index can answer'({ index }) {
    await index.check();
  },

  async 'an index is complete after its epoch is marked complete, and stays complete'({ index: { epoch } }) {
    const current = await epoch.current();
    assert.equal(await epoch.current(), current);
    assert.equal(await epoch.markComplete(current), true);
    assert.equal(await epoch.isComplete(), true);
    assert.equal(await epoch.markComplete(current), true);
    assert.equal(await epoch.isComplete(), true);
  },

  async 'a rebuild finds the marks of its own epoch'({ index: { epoch } }) {
    const current = await epoch.current();
    assert.deepEqual(await epoch.marks(current), new Set());
    for (const name of ['one', 'two', 'one']) await epoch.mark(current, name);
    assert.deepEqual(await epoch.marks(current), new Set(['one', 'two']));
    assert.deepEqual([await epoch.hasMark(current, 'two'), await epoch.hasMark(current, 'three')], [true, false]);
    await epoch.markComplete(current);
    assert.deepEqual(await epoch.marks(await epoch.current()), new Set(['one', 'two']));
  },

  async 'an index without losses accepts claims immediately'({ index: { fills } }) {
    for (const seed of ['a', 'b', 'c', 'd', 'e']) await claimed(fills, sampleClaim(seed));
  },
};
