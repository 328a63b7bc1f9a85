import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeProblems } from './describe-problems.ts';

test('a problem is described with its part, severity and mend', () => {
  assert.match(describeProblems(), /^\| `index-full` \| index \| critical \| .* \| Raise maxmemory of Redis\. \|$/m);
});
