import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { describeMetrics } from './describe-metrics.ts';

test('docs/metrics.md is what the code says', async () => {
  const page = readFileSync(join(import.meta.dirname, '../../../../docs/metrics.md'), 'utf8');
  assert.equal(page, await describeMetrics(), 'write describeMetrics() to docs/metrics.md');
});

test('a metric is described with its type and labels', async () => {
  const page = await describeMetrics();
  assert.match(page, /^\| `cistern_requests_total` \| counter \| `operation`, `result`, `status` \| Client requests/m);
  assert.match(page, /^\| `cistern_queue_jobs` \| gauge \| `queue`, `state` \|/m);
});
