// Many clients at several frontends, while workers are killed, frozen and told to end, links are cut, upstream lies, and
// the store and the index fail and forget. Whatever happens, a client gets the right bytes or an error, nothing wrong is
// stored, and in the end nothing is left open.
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { digestAlgorithm, digestOf } from '@cistern/oci';
import { holders, simulateClient } from '../testing/simulated-clients.ts';
import { type Faults, type SimulatedBlob, createRandom, spoilUpstream } from '../testing/simulated-faults.ts';
import { startTestCluster } from '../testing/start-test-cluster.ts';
import { bytesOf, collect, until } from '../testing/test-bytes.ts';

const mebibyte = 1024 * 1024;
const sizes = [1, 65_536, 262_144, 2_500_000, 4_200_000, 9_000_000, 14_000_000];
const clients = 120;
const lastsMs = 5_000;

type Cluster = Awaited<ReturnType<typeof startTestCluster>>;

async function simulate(t: TestContext, seed: number): Promise<void> {
  const random = createRandom(seed);
  const faults: Faults = { on: true, random };
  const cluster = await startTestCluster(t, {
    frontends: 3,
    workers: 3,
    readBufferBytes: 4 * mebibyte,
    spoolBytes: 40 * mebibyte,
    maxWholeForRangeBytes: 6 * mebibyte,
  });
  const { hub, index, queue, frontends, workers, shared, stored } = cluster;
  queue.route = () => (random(4) === 0 ? 'any' : `worker-${1 + random(3)}`);
  const looking = setInterval(queue.look, 50);
  t.after(() => clearInterval(looking));
  const blobs = sizes.map((size, i): SimulatedBlob => {
    const bytes = bytesOf(size, seed * 100 + i);
    for (const { repository } of holders) hub.addBlob(repository, bytes);
    return { digest: digestOf(bytes), bytes, lied: random(3) === 0 };
  });
  for (const key of holders)
    for (const { digest, bytes } of blobs)
      if (random(2) === 0)
        await index.links.put(key, [{ ...key, digest, kind: 'blob', size: bytes.length, mediaType: 'layer' }]);
  spoilUpstream(hub, blobs, faults);

  const disturbing = Promise.all([disturb(cluster, faults), forget(cluster, blobs, faults)]);
  // How many are refused depends on what else the machine does while the index fails; so they ask again until enough of
  // them were served amid the faults.
  let served = 0;
  await Promise.all(
    Array.from({ length: clients }, async (_, i) => {
      do {
        await delay(random(lastsMs));
        const { cache } = frontends[random(frontends.length)]!;
        const error = await Promise.race([simulateClient(cache, blobs, random), hang(`client ${i}`)]);
        if (error === undefined) {
          served += 1;
          return;
        }
      } while (served <= clients / 3);
    }),
  );
  faults.on = false;
  await disturbing;

  for (const { digest, bytes } of blobs)
    for (const { cache } of frontends) {
      const read = async () => {
        const blob = await cache.openBlob({ ...holders[0]!, digest, intent: 'whole' });
        assert.ok((await collect(await blob.read())).equals(bytes));
        return true;
      };
      await until(() => read().catch(() => false));
    }
  await until(() => workers.every(({ fills, spools }) => fills.size === 0 && spools.usedBytes === 0));
  await until(() => frontends.every(({ reads, pool }) => reads.windows === 0 && pool.usedBytes === 0));
  await until(() => shared.announcements.subscribed === 0);
  for (const { digest } of blobs) {
    const record = await index.fills.read(digest);
    assert.ok(record === undefined || record.state === 'done' || record.state === 'failed', `${record?.state}`);
  }
  for (const [digest, { bytes }] of stored.blobs)
    assert.equal(digestOf(Buffer.from(bytes), digestAlgorithm(digest)), digest, 'what is stored is what it is called');
  const files = await readdir(cluster.directory, { recursive: true });
  assert.deepEqual(
    files.filter((name) => name.endsWith('.fill')),
    [],
  );
}

/** One thing after the other befalls the cluster, until `faults` are off; then all is well again. */
async function disturb({ workers, frontends, shared, stored, link }: Cluster, faults: Faults): Promise<void> {
  const { random } = faults;
  while (faults.on) {
    await delay(random(250));
    const worker = workers[random(workers.length)]!;
    const fate = random(9);
    if (fate <= 1) await worker.kill();
    if (fate === 2) await worker.terminate(random(1_500));
    if (fate <= 2) {
      await delay(random(300));
      await worker.restart();
    }
    if (fate === 3) {
      await worker.freeze();
      await delay(random(1_500));
      if (random(2) === 0) shared.skip(4_000);
      await worker.wake();
    }
    if (fate === 4) {
      const relay = await link(frontends[random(frontends.length)]!, worker);
      relay.cut();
      await delay(random(200));
      relay.mend();
    }
    if (fate === 5) {
      stored.failing = true;
      await delay(random(400));
      stored.failing = false;
    }
    if (fate === 6) {
      shared.faults.failing = true;
      await delay(random(300));
      shared.faults.failing = false;
    }
    if (fate === 7 && random(2) === 0) shared.loseData();
    if (fate === 8) shared.announcements.lost = random(2) === 0;
  }
  shared.announcements.lost = false;
}

/** What is stored goes now and then, so that there is something to fetch. */
async function forget({ stored, index }: Cluster, blobs: readonly SimulatedBlob[], faults: Faults): Promise<void> {
  while (faults.on) {
    await delay(30);
    const { digest } = blobs[faults.random(blobs.length)]!;
    stored.blobs.delete(digest);
    if (faults.random(2) === 0) await index.blobs.remove(digest).catch(() => {});
  }
}

async function hang(who: string): Promise<never> {
  await delay(120_000, undefined, { ref: false });
  throw new Error(`${who} hangs`);
}

for (const seed of [1, 2])
  test(`right bytes or an error, and nothing left behind (seed ${seed})`, { timeout: 240_000 }, (t) =>
    simulate(t, seed),
  );
