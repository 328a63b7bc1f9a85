// Cases of an index that cannot answer.
import assert from 'node:assert/strict';
import { isCacheError } from '@cistern/errors';
import type { CacheIndexCases } from './index-under-test.ts';
import { callsOf } from './calls-of.ts';
import { claimed, sampleClaim, sampleTag } from './sample-records.ts';

export const availabilityCases: CacheIndexCases = {
  async 'an index that cannot answer rejects with index-unavailable and never returns "not found"'({ index, fail }) {
    const claim = await claimed(index.fills, sampleClaim('a'));
    await index.tags.put(sampleTag('1'));
    await fail();
    const calls = callsOf(index, claim);
    const fails = async (method: keyof typeof calls) =>
      assert.rejects(calls[method], (error) => isCacheError(error, 'index-unavailable'), method);
    // Waits for this call first, because only after a failed call the index rejects pulls. The other calls run
    // concurrently, because each may need the whole timeout.
    await fails('tags.get');
    await Promise.all((Object.keys(calls) as (keyof typeof calls)[]).map(fails));
  },
};
