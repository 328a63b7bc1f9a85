// An index that cannot answer.
import assert from 'node:assert/strict';
import { isCacheError } from '@cistern/errors';
import type { CacheIndexCases } from './index-under-test.ts';
import { callsOf } from './calls-of.ts';
import { claimed, sampleClaim, sampleTag } from './sample-records.ts';

export const availabilityCases: CacheIndexCases = {
  async 'an index that cannot answer says index-unavailable, never "not there"'({ index, fail }) {
    const claim = await claimed(index.fills, sampleClaim('a'));
    await index.tags.put(sampleTag('1'));
    await fail();
    const calls = callsOf(index, claim);
    const fails = async (method: keyof typeof calls) =>
      assert.rejects(calls[method], (error) => isCacheError(error, 'index-unavailable'), method);
    // From it the index learns that a pull cannot be recorded; all others at once, for each may take as long.
    await fails('tags.get');
    await Promise.all((Object.keys(calls) as (keyof typeof calls)[]).map(fails));
  },
};
