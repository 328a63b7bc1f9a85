// Runs a single process with a store on a disk that is too small for the working set.
import assert from 'node:assert/strict';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { openSqliteIndex } from '@cistern/index/sqlite';
import { cacheOf, openDirectory, openProcess, openUpstream, type Owner } from '@cistern/single-node/open-stage';
import { until } from '@cistern/single-node/until';
import { assertRecount } from './assert-recount.ts';
import { readMetric } from './read-metric.ts';
import { marginShare, type Thrashed, type ThrashPlan, thrashStore } from './thrash-store.ts';

/** `maxBytes` is the configured limit. Rejects like `thrashStore`, and if the index is not exact in the end. */
export async function thrashSingle(
  owner: Owner,
  plan: Omit<ThrashPlan, 'highBytes'> & { readonly maxBytes: number },
): Promise<Thrashed> {
  const upstream = await openUpstream(owner);
  const rootDirectory = await openDirectory(owner);
  const env = { REGISTRY_STORAGE_MAXBYTES: String(plan.maxBytes) };
  const cistern = await openProcess(owner, { rootDirectory, config: cacheOf(upstream), env });
  const nodes = [{ metricsUrl: cistern.metricsUrl, isRunning: () => true }];
  const blobs = () => storedBlobs(join(rootDirectory, 'docker/registry/v2/blobs'));
  const thrashed = await thrashStore(
    {
      upstream,
      places: [cistern],
      storedBytes: async () => [...(await blobs()).values()].reduce((sum, size) => sum + size, 0),
      fillingBytes: () => readMetric(nodes, 'cistern_spool_bytes'),
    },
    { ...plan, highBytes: plan.maxBytes * (1 - marginShare) },
  );
  await until('all fills have ended', async () => (await readMetric(nodes, 'cistern_fills_in_flight')) === 0, 60_000);
  assert.deepEqual(await readdir(join(rootDirectory, 'cistern/spool')), []);
  await cistern.stop();
  const log = { warn() {}, error() {} };
  const index = await openSqliteIndex({ path: join(rootDirectory, 'cistern/index.sqlite'), now: Date.now, log });
  try {
    await assertRecount(index, blobs);
  } finally {
    await index.close();
  }
  return thrashed;
}

/** Returns bytes by digest. */
async function storedBlobs(directory: string): Promise<Map<string, number>> {
  const files = await readdir(directory, { recursive: true }).catch(() => []);
  const found = await Promise.all(
    files.map(async (file) => {
      const [, algorithm, hex] = /^(sha\d+)\/\w\w\/(\w+)\/data$/.exec(file) ?? [];
      // The file may be removed during the check.
      const size = hex === undefined ? undefined : (await stat(join(directory, file)).catch(() => undefined))?.size;
      return size === undefined ? [] : [[`${algorithm}:${hex}`, size] as const];
    }),
  );
  return new Map(found.flat());
}
