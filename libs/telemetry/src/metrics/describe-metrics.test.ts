import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeMetrics } from './describe-metrics.ts';

test('a metric is described with its type and labels', async () => {
  const page = await describeMetrics();
  assert.match(page, /^\| `cistern_requests_total` \| counter \| `operation`, `result`, `status` \| Client requests/m);
  assert.match(page, /^\| `cistern_queue_jobs` \| gauge \| `queue`, `state` \|/m);
});
