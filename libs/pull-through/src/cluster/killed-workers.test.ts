// A killed worker loses its fills. Readers see only a pause, and little is fetched twice from the upstream.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { isCacheError } from '@cistern/errors';
import { library, startHalfway } from '../testing/start-halfway.ts';
import { startTestCluster } from '../testing/start-test-cluster.ts';
import { until } from '@cistern/runtime/testing';
import { bytesOf, collect } from '@cistern/oci/testing';

const isMismatch = (error: unknown) => isCacheError(error, 'content-mismatch');

async function slowly(stream: Parameters<typeof collect>[0]): Promise<Buffer> {
  let last: Buffer | undefined;
  const chunks: Buffer[] = [];
  for (let chunk = await stream.next(); chunk !== undefined; chunk = await stream.next()) {
    last = Buffer.from(chunk);
    chunks.push(last);
    await delay(20);
  }
  stream.close();
  return Buffer.concat(chunks);
}

test('readers of a fill whose worker is killed halfway get the right bytes, with few more bytes from upstream', async (t) => {
  const started = await startHalfway(t);
  const { hub, workers, read, bytes, size, upstreamShare, index, digest } = started;
  const whole = [0, 1, 0, 1].map((frontend) => read(frontend).then(collect));
  const slow = read(1).then(slowly);
  const range = { start: 2_000_000, end: size - 100 };
  const ranged = read(0, range).then(collect);
  await started.halfway();
  await workers[0]!.kill();
  hub.allow(2 * size);
  for (const body of await Promise.all(whole)) assert.ok(body.equals(bytes));
  assert.ok((await slow).equals(bytes));
  assert.ok((await ranged).equals(bytes.subarray(range.start, range.end + 1)));
  // The killed worker lost half of the blob. In addition, two fetches get the same bytes where they meet: up to 4 MiB for a
  // blob of this size.
  assert.ok(upstreamShare() < 1.75, `${upstreamShare()} of the blob came from upstream`);
  await until(async () => (await index.blobs.get(digest))?.verified === true);
  await started.nothingLeft();
});

async function sendWrongBytes(t: TestContext, isStored: boolean): Promise<void> {
  const { hub, workers, read, bytes, size, readersHaveSome, halfway } = await startHalfway(t, { frontends: 3 });
  let gets = 0;
  hub.script.bend = ({ from, toExclusive }, whole) => {
    gets += 1;
    if (gets > 1) return { bytes: whole.subarray(from ?? 0, toExclusive), totalSize: size };
    const wrong = Buffer.from(whole);
    wrong[1_000_000]! ^= 1;
    return { bytes: wrong, totalSize: size };
  };
  const whole = [0, 1].map((frontend) => assert.rejects(read(frontend).then(collect), isMismatch));
  // The readers then have the wrong byte.
  await readersHaveSome();
  const late = { start: size / 4, end: size - 1 };
  const behind = read(2, late).then(collect);
  await halfway();
  await workers[0]!.kill();
  const committing = isStored ? undefined : workers[1]!.process.hold('store.beginUpload.complete');
  hub.allow(2 * size);
  await Promise.all(whole);
  assert.ok((await behind).equals(bytes.subarray(late.start)), 'the right bytes were not verified');
  committing?.release();
  assert.ok((await collect(await read(1))).equals(bytes));
}

test('the stored blob reveals wrong bytes that a killed worker had sent, and no reader of them gets an end', (t) =>
  sendWrongBytes(t, true));
test('a verified fill reveals wrong bytes too, before it is stored', (t) => sendWrongBytes(t, false));

test('readers continue after the only worker is killed and restarted', async (t) => {
  const { hub, workers, read, bytes, size, halfway, upstreamShare } = await startHalfway(t, { workers: 1 });
  const reading = [0, 1].map((frontend) => read(frontend).then(collect));
  await halfway();
  await workers[0]!.kill();
  hub.allow(2 * size);
  await delay(700);
  await workers[0]!.restart();
  for (const body of await Promise.all(reading)) assert.ok(body.equals(bytes));
  assert.ok(upstreamShare() < 1.6);
});

test('readers get the blob if its worker is killed during a claim, before upstream responds, or before the end is recorded', async (t) => {
  const kill = async (step: string) => {
    const { hub, workers, frontends, index } = await startTestCluster(t);
    const bytes = bytesOf(2_500_000);
    const digest = hub.addBlob(library.repository, bytes);
    const held = workers[0]!.process.hold(step);
    const reading = frontends.map(async ({ cache }) => {
      const blob = await cache.openBlob({ ...library, digest, intent: 'whole' });
      return collect(await blob.read());
    });
    await held.reached;
    await workers[0]!.kill();
    for (const body of await Promise.all(reading)) assert.ok(body.equals(bytes), step);
    await until(async () => (await index.blobs.get(digest)) !== undefined).catch(() => assert.fail(step));
  };
  await Promise.all(steps.map(kill));
});

const steps = [
  'fills.claim done',
  'docker.io.getBlob',
  'fills.running',
  'store.beginUpload',
  'store.beginUpload.put',
  'store.beginUpload.complete',
  'store.beginUpload.complete done',
  'fills.done',
];
