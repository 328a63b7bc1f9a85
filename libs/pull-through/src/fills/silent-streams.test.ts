// Tests that readers distinguish a stalled upstream from a dead worker. They wait while the upstream stalls, and leave a dead
// worker.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { SourceInterrupted } from '@cistern/streams';
import { openRelay, openRelayedConnections } from '../testing/open-relay.ts';
import { openTestRemote, readAll, readInto, startFillServer } from '../testing/start-fill-server.ts';
import { until } from '@cistern/runtime/testing';
import { silenceMs } from '@cistern/fills';

const signal = new AbortController().signal;
const range = { from: 0, toExclusive: 900_000, verified: true };

async function startRelayed(t: Parameters<typeof startFillServer>[0], sent: number) {
  const started = await startFillServer(t, { size: 900_000, sent });
  const relay = await openRelay(() => Number(new URL(started.address).port));
  t.after(() => relay.close());
  const remote = openTestRemote({ connections: openRelayedConnections(async () => relay) });
  t.after(() => remote.close());
  return { ...started, relay, remote };
}

test('a reader with heartbeats stays while upstream stalls', { concurrency: true }, async (t) => {
  const { remote, place, hub, bytes } = await startRelayed(t, 300_000);
  const reading = readAll((await remote.open(place, range, signal))!);
  await delay(silenceMs + 1_500);
  hub.allow(bytes.length);
  assert.ok((await reading).equals(bytes));
});

test('a reader leaves a silent worker, and keeps the bytes from before', { concurrency: true }, async (t) => {
  const { remote, place, relay, bytes } = await startRelayed(t, 300_000);
  const chunks: Buffer[] = [];
  const reading = readInto((await remote.open(place, range, signal))!, chunks);
  await until(() => Buffer.concat(chunks).length === 300_000);
  relay.hold();
  await assert.rejects(reading, SourceInterrupted);
  assert.ok(Buffer.concat(chunks).equals(bytes.subarray(0, 300_000)));
  await assert.rejects(remote.open(place, range, signal), SourceInterrupted);
});

test(
  'a reader that pauses gets its bytes, and still detects silence after the pause',
  { concurrency: true },
  async (t) => {
    const { remote, place, relay, bytes } = await startRelayed(t, 850_000);
    const reader = (await remote.open(place, range, signal))!;
    const begun = await reader.read(Buffer.alloc(1_000));
    assert.ok(begun > 0);
    await delay(silenceMs + 1_500);
    const chunks: Buffer[] = [];
    const reading = readInto(reader, chunks);
    await until(() => Buffer.concat(chunks).length === 850_000 - begun);
    assert.ok(Buffer.concat(chunks).equals(bytes.subarray(begun, 850_000)));
    relay.hold();
    await assert.rejects(reading, SourceInterrupted);
  },
);

test('a broken connection interrupts a reader immediately', { concurrency: true }, async (t) => {
  const { remote, place, relay, bytes } = await startRelayed(t, 300_000);
  const chunks: Buffer[] = [];
  const reading = readInto((await remote.open(place, range, signal))!, chunks);
  await until(() => Buffer.concat(chunks).length === 300_000);
  relay.cut();
  await assert.rejects(reading, SourceInterrupted);
  assert.ok(Buffer.concat(chunks).equals(bytes.subarray(0, 300_000)));
});
