// One frontend cannot reach a worker that other frontends can reach.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startHalfway } from '../testing/start-halfway.ts';
import { until } from '@cistern/runtime/testing';
import { collect } from '@cistern/oci/testing';

test('a frontend that loses its connection to a worker gets the rest from another, with few more bytes from upstream', async (t) => {
  const started = await startHalfway(t);
  const { hub, workers, frontends, read, bytes, size, queue } = started;
  const reading = [0, 1].map((frontend) => read(frontend).then(collect));
  await started.halfway();
  queue.route = () => 'worker-2';
  (await started.link(frontends[0]!, workers[0]!)).cut();
  await until(() => workers[1]!.fills.size === 1);
  hub.allow(3 * size);
  for (const body of await Promise.all(reading)) assert.ok(body.equals(bytes));
  assert.ok(started.upstreamShare() < 1.1, `${started.upstreamShare()} of the blob came from upstream`);
  await started.nothingLeft();
});

test('a frontend that loses its connection to the only worker reads the blob from the store, and the fill continues', async (t) => {
  const started = await startHalfway(t, { workers: 1 });
  const { hub, workers, frontends, read, bytes, size, index, digest, queue } = started;
  const reading = [0, 1].map((frontend) => read(frontend).then(collect));
  await started.halfway();
  const { fillId } = (await index.fills.read(digest))!;
  (await started.link(frontends[0]!, workers[0]!)).cut();
  // The wait is long enough for the next request of the frontend.
  await delay(2_500);
  assert.equal((await index.fills.read(digest))?.fillId, fillId);
  queue.route = () => undefined;
  hub.allow(3 * size);
  for (const body of await Promise.all(reading)) assert.ok(body.equals(bytes));
  assert.equal(hub.gets.length, 1);
  await started.nothingLeft();
});

test('a link that breaks repeatedly causes pauses, and no second GET', async (t) => {
  const started = await startHalfway(t);
  const { hub, workers, frontends, read, bytes, size } = started;
  const reading = [0, 1].map((frontend) => read(frontend).then(collect));
  const link = await started.link(frontends[0]!, workers[0]!);
  hub.script.onChunk = () => delay(3);
  hub.allow(size);
  for (let breaks = 0; breaks < 5; breaks += 1) {
    await delay(120);
    link.cut();
    link.restore();
  }
  for (const body of await Promise.all(reading)) assert.ok(body.equals(bytes));
  assert.equal(hub.gets.length, 1);
  await started.nothingLeft();
});
