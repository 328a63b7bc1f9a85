// What a fill server gives, and to whom.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { CacheError, isCacheError } from '@cistern/errors';
import { SourceInterrupted } from '@cistern/streams';
import { clusterSecret, readAll, readInto, startFillServer } from '../testing/start-fill-server.ts';
import { until } from '@cistern/runtime/testing';
import { fillAuthorization, openRemoteFills } from '@cistern/fills';

const signal = new AbortController().signal;

const refused = (error: unknown) =>
  isCacheError(error, 'store-unavailable') && /cluster\.secretfile/.test(error.message);

test('bytes come as upstream sends them, from any offset, and the end only once the whole is verified', async (t) => {
  const { hub, bytes, open, presentEnd } = await startFillServer(t, { size: 1_000_000, sent: 400_000 });
  const whole = (await open(0, bytes.length))!;
  const chunks: Buffer[] = [];
  const reading = readInto(whole, chunks);
  const got = () => Buffer.concat(chunks);
  await until(() => got().length === 400_000);
  assert.ok((await readAll((await open(123_456, 200_000))!)).equals(bytes.subarray(123_456, 200_000)));
  assert.ok((await readAll((await open(0, 200_000, false))!, 7)).equals(bytes.subarray(0, 200_000)));
  const end = Promise.withResolvers<void>();
  hub.script.onEnd = () => end.promise;
  hub.allow(bytes.length);
  await until(async () => (await presentEnd()) === bytes.length);
  await until(() => got().length === bytes.length - 1);
  await delay(20);
  assert.equal(got().length, bytes.length - 1);
  end.resolve();
  await reading;
  assert.ok(got().equals(bytes));
  assert.equal(whole.ended, true);
});

test('the end of a blob that is not what its digest says is never sent', async (t) => {
  const { hub, bytes, open } = await startFillServer(t, { size: 500_000, sent: 0 });
  // What has been asked for already is not bent: the last byte changes in place.
  bytes[bytes.length - 1]! ^= 1;
  const chunks: Buffer[] = [];
  // Before the bytes come: with the last of them the fill ends, and then nobody finds it.
  const reader = (await open(0, bytes.length))!;
  hub.allow(bytes.length);
  await assert.rejects(readInto(reader, chunks), (error) => isCacheError(error, 'content-mismatch'));
  assert.ok(Buffer.concat(chunks).length < bytes.length);
});

test('a failure comes with its kind, its sentence and when to try again', async (t) => {
  const { hub, open } = await startFillServer(t, { size: 500_000, sent: 100_000 });
  const reader = (await open(200_000, 300_000))!;
  hub.script.onChunk = () => {
    throw new CacheError('upstream-rate-limited', 'Slow down.', { retryable: true, retryAfterMs: 12_000 });
  };
  hub.allow(1);
  await assert.rejects(readAll(reader), (error) => {
    assert.ok(isCacheError(error, 'upstream-rate-limited'));
    assert.deepEqual([error.message, error.retryable, error.retryAfterMs], ['Slow down.', true, 12_000]);
    return true;
  });
});

test('who follows a fill that moves gets what is there, and is told to go on elsewhere', async (t) => {
  const { fill, bytes, open, presentEnd } = await startFillServer(t, { size: 900_000, sent: 300_000 });
  const reader = (await open(0, bytes.length))!;
  await until(async () => (await presentEnd()) === 300_000);
  fill.handOver();
  const chunks: Buffer[] = [];
  await assert.rejects(readInto(reader, chunks), SourceInterrupted);
  assert.ok(Buffer.concat(chunks).equals(bytes.subarray(0, 300_000)));
});

test('a successor is told what is there and gets just that, and is given checksums of what is verified only', async (t) => {
  const { hub, remote, place, bytes, open, presentEnd } = await startFillServer(t, { size: 700_000, sent: 300_000 });
  await until(async () => (await presentEnd()) === 300_000);
  const present = (await remote.openPresent(place, 100_000, signal))!;
  assert.equal(present.endExclusive, 300_000);
  assert.ok((await readAll(present.reader)).equals(bytes.subarray(100_000, 300_000)));
  assert.equal(await remote.openPresent(place, 400_000, signal), undefined);
  assert.equal(await remote.checksum(place, 0, 1_000), undefined);
  hub.allow(bytes.length);
  await readAll((await open(0, bytes.length))!);
  assert.equal(await remote.checksum(place, 5, 654_321), crc32(bytes.subarray(5, 654_321)));
  assert.equal(await remote.checksum(place, 0, bytes.length), crc32(bytes));
  assert.equal(await remote.checksum(place, 0, bytes.length + 1), undefined);
});

test('a fill that is not there, is over, or is asked for in another version’s way is not found', async (t) => {
  const { remote, place, address, bytes, commit, opened, fills, hub } = await startFillServer(t, { size: 90_000 });
  const range = { from: 0, toExclusive: 90_000, verified: true };
  assert.equal(await remote.open({ address, fillId: 'another' }, range, signal), undefined);
  assert.equal(await remote.openPresent({ address, fillId: 'another' }, 0, signal), undefined);
  const headers = { authorization: fillAuthorization(clusterSecret) };
  for (const path of [
    `/v2/fills/${place.fillId}?from=0&to=9`,
    '/',
    `/v1/fills/${place.fillId}?from=-1&to=9`,
    '/v1/fills/',
  ])
    assert.equal((await fetch(address + path, { headers })).status, 404, path);
  assert.equal(
    (await fetch(`${address}/v1/fills/${place.fillId}?from=0&to=9`, { headers, method: 'POST' })).status,
    404,
  );
  hub.allow(bytes.length);
  commit();
  const stream = await opened.read();
  while ((await stream.next()) !== undefined);
  await until(() => fills.size === 0);
  assert.equal(await remote.open(place, range, signal), undefined);
});

test('a range beyond the end of the blob ends where the blob does', async (t) => {
  const { bytes, open } = await startFillServer(t, { size: 90_000 });
  assert.ok((await readAll((await open(80_000, 95_000))!)).equals(bytes.subarray(80_000)));
  assert.equal((await readAll((await open(95_000, 99_000))!)).length, 0);
});

test('a node with another secret is told so, and gets nothing', async (t) => {
  const { place, address } = await startFillServer(t, { size: 90_000 });
  for (const authorization of [undefined, '', 'Bearer x', `Basic ${clusterSecret}`, `Bearer ${clusterSecret}`])
    assert.equal(
      (
        await fetch(`${address}/v1/fills/${place.fillId}?from=0&to=9`, {
          headers: authorization ? { authorization } : {},
        })
      ).status,
      401,
    );
  const stranger = openRemoteFills({ clusterSecret: 'another secret of at least 16' });
  t.after(() => stranger.close());
  await assert.rejects(stranger.open(place, { from: 0, toExclusive: 9, verified: false }, signal), refused);
  await assert.rejects(stranger.openPresent(place, 0, signal), refused);
  assert.equal(await stranger.checksum(place, 0, 9), undefined);
});

test('a worker that is not there interrupts, at once', async () => {
  const remote = openRemoteFills({ clusterSecret });
  const place = { address: 'http://127.0.0.1:1', fillId: 'any' };
  await assert.rejects(remote.open(place, { from: 0, toExclusive: 9, verified: false }, signal), SourceInterrupted);
  assert.equal(await remote.checksum(place, 0, 9), undefined);
  const leaving = new AbortController();
  leaving.abort(new Error('left'));
  await assert.rejects(remote.open(place, { from: 0, toExclusive: 9, verified: false }, leaving.signal), /left/);
  await remote.close();
});
