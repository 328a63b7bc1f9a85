// Runs a whole cluster with a bucket that is too small for the working set.
import assert from 'node:assert/strict';
import type { Owner } from '@cistern/single-node/open-stage';
import { until } from '@cistern/single-node/until';
import { assertRecount } from './assert-recount.ts';
import { openClusterRig } from './open-cluster-rig.ts';
import { openIndex } from './open-index.ts';
import { readMetric } from './read-metric.ts';
import { marginShare, type Thrashed, type ThrashPlan, thrashStore } from './thrash-store.ts';
import { viewBucket } from './view-bucket.ts';

/** `maxBytes` is the configured limit. Rejects like `thrashStore`, and if the index is not exact in the end. */
export async function thrashCluster(
  owner: Owner,
  plan: Omit<ThrashPlan, 'highBytes'> & { readonly maxBytes: number },
): Promise<Thrashed> {
  const env = { REGISTRY_STORAGE_MAXBYTES: String(plan.maxBytes) };
  const { upstream, cluster } = await openClusterRig(owner, { cluster: { env } });
  const bucket = viewBucket(cluster);
  const { workers, frontends } = cluster;
  const thrashed = await thrashStore(
    {
      upstream,
      places: [cluster, ...frontends],
      storedBytes: async () => [...(await bucket.blobs()).values()].reduce((sum, size) => sum + size, 0),
      fillingBytes: () => readMetric(workers, 'cistern_spool_bytes'),
    },
    { ...plan, highBytes: plan.maxBytes * (1 - marginShare) },
  );
  await until('all fills have ended', async () => (await readMetric(workers, 'cistern_fills_in_flight')) === 0, 60_000);
  const index = await openIndex(owner, cluster);
  // Objects whose removal has begun are removed first.
  await until(
    'the index is exact',
    async () =>
      assertRecount(index, bucket.blobs).then(
        () => true,
        () => false,
      ),
    30_000,
  ).catch(() => {});
  await assertRecount(index, bucket.blobs);
  assert.deepEqual(await bucket.unfinishedUploads(), []);
  return thrashed;
}
