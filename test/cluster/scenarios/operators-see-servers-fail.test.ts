// Breaks each server and node of a cluster. Operators see the cause, what still works and what to do, the same everywhere, and
// nothing else.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { diagnoseTime, startExtraNode } from '@cistern/test-servers';
import { openIndex } from '../src/open-index.ts';
import { openDrill } from '../src/open-drill.ts';

type Drill = Awaited<ReturnType<typeof openDrill>>;
let drill: Drill;
const ends: (() => unknown)[] = [];

before(async () => {
  drill = await openDrill({ after: (end: () => unknown) => ends.unshift(end) });
  await drill.untilSeen([]);
});
after(async () => {
  for (const end of ends) await end();
});

/** Breaks something, waits until operators see it and nothing else, repairs it, and waits until they see nothing. */
function drillOf(
  name: string,
  kinds: readonly string[],
  breakIt: (drill: Drill) => unknown,
  repair: (drill: Drill) => unknown,
) {
  test(name, async (t) => {
    await breakIt(drill);
    const seen = await diagnoseTime(t, 'operators see it', () => drill.untilSeen(kinds));
    for (const { kind, severity, reason } of seen) t.diagnostic(`${severity} ${kind}: ${reason}`);
    await repair(drill);
    await diagnoseTime(t, 'operators see that it is over', () => drill.untilSeen([]));
  });
}

drillOf(
  'Redis is stopped',
  ['index-unavailable'],
  ({ redis }) => redis.stop(),
  ({ redis }) => redis.start(),
);

drillOf(
  'Redis hangs',
  ['index-unavailable'],
  ({ redis }) => redis.freeze(),
  ({ redis }) => redis.thaw(),
);

drillOf(
  'Redis is full',
  ['index-full'],
  ({ redis }) => redis.command('CONFIG', 'SET', 'maxmemory', '1'),
  ({ redis }) => redis.command('CONFIG', 'SET', 'maxmemory', '0'),
);

drillOf(
  'Redis is slow',
  ['index-slow'],
  ({ slowRedis }) => (slowRedis.delayMs = 400),
  ({ slowRedis }) => (slowRedis.delayMs = 0),
);

drillOf(
  'S3 is stopped',
  ['store-unavailable'],
  ({ s3 }) => s3.stop(),
  ({ s3 }) => s3.start(),
);

drillOf(
  'S3 hangs',
  ['store-unavailable'],
  ({ s3 }) => s3.freeze(),
  ({ s3 }) => s3.thaw(),
);

drillOf(
  'S3 is slow',
  ['store-slow'],
  ({ slowS3 }) => (slowS3.delayMs = 800),
  ({ slowS3 }) => (slowS3.delayMs = 0),
);

drillOf(
  'all workers are killed',
  ['no-worker', 'node-lost', 'node-lost'],
  ({ cluster }) => Promise.all(cluster.workers.map((worker) => worker.kill())),
  ({ cluster }) => Promise.all(cluster.workers.map((worker) => worker.start())),
);

test('a node of another version, and one with a wrong clock', async (t) => {
  const { cluster, untilSeen } = drill;
  const index = await openIndex(t, cluster);
  const { nodes } = await index.nodes.read();
  const other = JSON.stringify({
    ...(JSON.parse(nodes[0]!.report) as object),
    id: 'other',
    name: 'old-1',
    version: '0.0.9',
  });
  await index.nodes.report('other', other, { ttlMs: 60_000, counts: {} });
  const [mixed] = await untilSeen(['versions-mixed']);
  assert.match(mixed!.reason, /0\.0\.9 \(old-1\)/);
  await index.nodes.leave('other', {});
  await untilSeen([]);
  const late = await startExtraNode(cluster, {
    kind: 'worker',
    name: 'late-worker',
    env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(lateClock)}` },
  });
  t.after(() => late.stop());
  const [off] = await diagnoseTime(t, 'operators see the clock', () => untilSeen(['clock-off']));
  assert.match(off!.reason, /The clock of this machine is 120 s behind Redis\./);
  await late.stop();
  await untilSeen([]);
});

/** Sets the clock of a process two minutes back, but not its monotonic clock. */
const lateClock = 'const now = Date.now; Date.now = () => now() - 120000;';
