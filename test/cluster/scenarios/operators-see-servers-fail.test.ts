// Breaks each server and node of a cluster. Operators see the cause, what still works and what to do, the same everywhere, and
// nothing else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startExtraNode } from '@cistern/test-servers';
import { declareDrills } from '../src/declare-drills.ts';
import { openDrill } from '../src/open-drill.ts';
import { openIndex } from '../src/open-index.ts';
import { pullImage, tryPull } from '../src/pull.ts';

const drill = declareDrills((owner) => openDrill(owner, { page: 'nodes' }));

test(
  'Redis is stopped',
  drill({
    kinds: ['index-unavailable'],
    begin: ({ redis }) => redis.stop(),
    async check([seen], { console }) {
      // It is no fault of the admin node.
      assert.equal(seen!.node, null);
      assert.match((await console.read()).notice ?? '', /index is unavailable\. This page shows the state of \d/);
    },
    end: ({ redis }) => redis.start(),
  }),
);

test(
  'Redis hangs',
  drill({
    kinds: ['index-unavailable'],
    begin: ({ redis }) => redis.freeze(),
    end: ({ redis }) => redis.thaw(),
  }),
);

test(
  'Redis is full',
  drill({
    kinds: ['index-full'],
    begin: ({ redis }) => redis.command('CONFIG', 'SET', 'maxmemory', '1'),
    end: ({ redis }) => redis.command('CONFIG', 'SET', 'maxmemory', '0'),
  }),
);

test(
  'Redis takes no writes',
  drill({
    kinds: ['index-unwritable'],
    begin: ({ redis }) => redis.command('ACL', 'SETUSER', 'default', '-@write'),
    check: ([seen]) => assert.equal(seen!.node, null),
    end: ({ redis }) => redis.command('ACL', 'SETUSER', 'default', '+@all'),
  }),
);

test(
  'Redis is slow',
  drill({
    kinds: ['index-slow'],
    begin: ({ slowRedis }) => (slowRedis.delayMs = 400),
    end: ({ slowRedis }) => (slowRedis.delayMs = 0),
  }),
);

test(
  'S3 is stopped',
  drill({
    kinds: ['store-unavailable'],
    begin: ({ s3 }) => s3.stop(),
    end: ({ s3 }) => s3.start(),
  }),
);

test(
  'S3 hangs',
  drill({
    kinds: ['store-unavailable'],
    begin: ({ s3 }) => s3.freeze(),
    end: ({ s3 }) => s3.thaw(),
  }),
);

test(
  'S3 is full',
  drill({
    kinds: ['store-full'],
    async begin({ s3, cluster, upstream }) {
      const image = upstream.addImage('library/warm', { tag: 'latest', seed: 'warm' });
      await pullImage({ at: cluster, image, tag: 'latest' });
      await s3.setFull(true);
    },
    async check(_, { cluster, upstream }) {
      const warm = upstream.addImage('library/warm', { tag: 'latest', seed: 'warm' });
      await pullImage({ at: cluster, image: warm, tag: 'latest' });
      const cold = upstream.addImage('library/cold', { tag: 'latest', seed: 'cold' });
      assert.equal((await tryPull({ at: cluster, image: cold, tag: 'latest' })).status, 503);
    },
    end: ({ s3 }) => s3.setFull(false),
  }),
);

test(
  'S3 is slow',
  drill({
    kinds: ['store-slow'],
    begin: ({ slowS3 }) => (slowS3.delayMs = 800),
    end: ({ slowS3 }) => (slowS3.delayMs = 0),
  }),
);

test(
  'all workers are killed',
  drill({
    kinds: ['no-worker', 'node-lost', 'node-lost'],
    begin: ({ cluster }) => Promise.all(cluster.workers.map((worker) => worker.kill())),
    end: ({ cluster }) => Promise.all(cluster.workers.map((worker) => worker.start())),
  }),
);

test(
  'a frontend is killed',
  drill({
    kinds: ['node-lost'],
    begin: ({ cluster }) => cluster.frontends[0]!.kill(),
    check: ([lost]) => assert.match(lost!.reason, /^The frontend \S+ ended without notice/),
    end: ({ cluster }) => cluster.frontends[0]!.start(),
  }),
);

test(
  'a node has another version',
  drill({
    kinds: ['versions-mixed'],
    async begin({ cluster }, t) {
      const index = await openIndex(t, cluster);
      const { nodes } = await index.nodes.read();
      const [{ report }] = nodes as [(typeof nodes)[number]];
      const other = { ...(JSON.parse(report) as object), id: 'other', name: 'old-1', version: '0.0.9', problems: [] };
      await index.nodes.report('other', JSON.stringify(other), { ttlMs: 60_000, counts: {} });
      return index;
    },
    check: ([mixed]) => assert.match(mixed!.reason, /0\.0\.9 \(old-1\)/),
    end: (_, index) => index.nodes.leave('other', {}),
  }),
);

test(
  'a node has a wrong clock',
  drill({
    kinds: ['clock-off'],
    begin: ({ cluster }) =>
      startExtraNode(cluster, {
        kind: 'worker',
        name: 'late-worker',
        env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(lateClock)}` },
      }),
    check: ([off]) => assert.match(off!.reason, /The clock of this machine is 120 s behind Redis\./),
    end: (_, late) => late.stop(),
  }),
);

/** Sets the clock of a process two minutes back, but not its monotonic clock. */
const lateClock = 'const now = Date.now; Date.now = () => now() - 120000;';
