// Tests the responses of a fill server, and its authentication.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { CacheError, isCacheError } from '@cistern/errors';
import { SourceInterrupted } from '@cistern/streams';
import { openTestRemote, peerKeys, readAll, readInto, startFillServer } from '../testing/start-fill-server.ts';
import { repositoryOf } from '@cistern/index/testing';
import { digestOf } from '@cistern/oci';
import { until } from '@cistern/runtime/testing';
import { createPeerKeys } from '@cistern/fills';

const signal = new AbortController().signal;

const refused = (error: unknown) =>
  isCacheError(error, 'store-unavailable') && /cluster\.secretfile/.test(error.message);

test('a reader gets bytes from any offset as upstream sends them, and the end only after verification', async (t) => {
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

test('the end of a blob that does not match its digest is never sent', async (t) => {
  const { hub, bytes, open } = await startFillServer(t, { size: 500_000, sent: 0 });
  // `bend` does not change a running response, so the last byte changes in place.
  bytes[bytes.length - 1]! ^= 1;
  const chunks: Buffer[] = [];
  // The reader is opened before the last bytes arrive. With them the fill ends, and is not found after that.
  const reader = (await open(0, bytes.length))!;
  hub.allow(bytes.length);
  await assert.rejects(readInto(reader, chunks), (error) => isCacheError(error, 'content-mismatch'));
  assert.ok(Buffer.concat(chunks).length < bytes.length);
});

test('a reader gets a failure with its kind, message and retry time', async (t) => {
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

test('a follower of a fill that moves gets the bytes before the move, then is interrupted to continue elsewhere', async (t) => {
  const { fill, bytes, open, presentEnd } = await startFillServer(t, { size: 900_000, sent: 300_000 });
  const reader = (await open(0, bytes.length))!;
  await until(async () => (await presentEnd()) === 300_000);
  fill.handOver();
  const chunks: Buffer[] = [];
  await assert.rejects(readInto(reader, chunks), SourceInterrupted);
  assert.ok(Buffer.concat(chunks).equals(bytes.subarray(0, 300_000)));
});

test('a successor gets exactly the bytes that are present, and their end', async (t) => {
  const { remote, place, bytes, presentEnd } = await startFillServer(t, { size: 700_000, sent: 300_000 });
  await until(async () => (await presentEnd()) === 300_000);
  const present = (await remote.openPresent(place, 100_000, signal))!;
  assert.equal(present.endExclusive, 300_000);
  assert.ok((await readAll(present.reader)).equals(bytes.subarray(100_000, 300_000)));
  assert.equal(await remote.openPresent(place, 400_000, signal), undefined);
});

test('an unknown or ended fill, or another path or method, is not found', async (t) => {
  const { remote, place, address, bytes, commit, opened, fills, hub } = await startFillServer(t, { size: 90_000 });
  const { fillId } = place;
  const range = { from: 0, toExclusive: 90_000, verified: true };
  const another = { ...place, fillId: 'another' };
  const signed = { ...another, ...peerKeys.signRecord(another) };
  assert.equal(await remote.open(signed, range, signal), undefined);
  assert.equal(await remote.openPresent(signed, 0, signal), undefined);
  const get = (path: string, method = 'GET') =>
    fetch(address + path, { method, headers: { authorization: peerKeys.authorize(address, path, Date.now()) } });
  for (const path of [
    `/v3/fills/${fillId}?from=0&to=9`,
    '/',
    `/v2/fills/${fillId}?from=-1&to=9`,
    `/v2/fills/${fillId}/checksum?from=0&to=9`,
    '/v2/fills/',
  ])
    assert.equal((await get(path)).status, 404, path);
  const path = `/v2/fills/${fillId}?from=0&to=9`;
  assert.equal((await get(path, 'POST')).status, 404);
  assert.equal((await get(path)).status, 200);
  hub.allow(bytes.length);
  commit();
  const stream = await opened.read();
  while ((await stream.next()) !== undefined);
  await until(() => fills.size === 0);
  assert.equal(await remote.open(place, range, signal), undefined);
});

test('a range beyond the end of the blob is cut at the end', async (t) => {
  const { bytes, open } = await startFillServer(t, { size: 90_000 });
  assert.ok((await readAll((await open(80_000, 95_000))!)).equals(bytes.subarray(80_000)));
  assert.equal((await readAll((await open(95_000, 99_000))!)).length, 0);
});

test('a node with another secret gets no bytes, and an error that names the setting', async (t) => {
  const { place, address } = await startFillServer(t, { size: 90_000 });
  const path = `/v2/fills/${place.fillId}?from=0&to=9`;
  for (const authorization of [undefined, '', 'Bearer x', 'Bearer the secret of the test cluster', 'Bearer 1.x'])
    assert.equal((await fetch(address + path, { headers: authorization ? { authorization } : {} })).status, 401);
  const keys = createPeerKeys('another secret of at least 16');
  const stranger = openTestRemote({ keys });
  t.after(() => stranger.close());
  const range = { from: 0, toExclusive: 9, verified: false };
  // This record is signed by the other cluster, but has this worker's address.
  const lost = { ...place, ...keys.signRecord(place) };
  await assert.rejects(stranger.open(lost, range, signal), refused);
  await assert.rejects(stranger.openPresent(lost, 0, signal), refused);
});

test('a token is valid for one worker and one request', async (t) => {
  const { place, address } = await startFillServer(t, { size: 90_000 });
  const { fillId } = place;
  const query = 'from=0&to=9';
  const path = `/v2/fills/${fillId}?${query}`;
  const statusOf = async (authorization: string) =>
    (await fetch(address + path, { headers: { authorization } })).status;
  assert.equal(await statusOf(peerKeys.authorize(address, path, Date.now())), 200);
  assert.equal(await statusOf(peerKeys.authorize('http://attacker:5002', path, Date.now())), 401);
  for (const other of [
    `/v2/fills/another?${query}`,
    `/v2/fills/${fillId}/present?from=0`,
    `/v2/fills/${fillId}?from=0&to=90000`,
  ])
    assert.equal(await statusOf(peerKeys.authorize(address, other, Date.now())), 401, other);
  // The token then has another minute than the signed one.
  const token = peerKeys.authorize(address, path, Date.now()).replace(/\d+/, (minute) => String(Number(minute) + 1));
  assert.equal(await statusOf(token), 401);
});

test('clocks may differ by one minute; if they differ by five, the error reports it', async (t) => {
  const { remote, place, clock, bytes } = await startFillServer(t, { size: 90_000 });
  const range = { from: 0, toExclusive: 90_000, verified: false };
  for (const minutes of [-1, 1]) {
    clock.aheadMs = minutes * 60_000;
    assert.ok((await readAll((await remote.open(place, range, signal))!)).equals(bytes));
  }
  for (const minutes of [-5, 5]) {
    clock.aheadMs = minutes * 60_000;
    await assert.rejects(
      remote.open(place, range, signal),
      (error) => isCacheError(error, 'store-unavailable') && /clocks are more than 2 minutes apart/.test(error.message),
    );
  }
});

test('an address that no node of the cluster has signed for this fill gets no request', async (t) => {
  const { remote, place, sockets } = await startFillServer(t, { size: 90_000 });
  const range = { from: 0, toExclusive: 9, verified: false };
  const source = { ...place.source, upstream: 'quay.io' };
  const digest = digestOf(Buffer.from('another blob'));
  const forged = [
    { address: 'http://attacker:5002' },
    { fillId: 'another' },
    { digest },
    { source },
    { size: 89_999 },
    { signature: undefined },
    { protocol: undefined },
    { protocol: 1 },
    { protocol: 3 },
  ];
  assert.equal(remote.canRead(place), true);
  for (const fields of forged) {
    const record = { ...place, ...fields };
    assert.equal(remote.canRead(record), false, JSON.stringify(fields));
    await assert.rejects(remote.open(record, range, signal), SourceInterrupted);
    await assert.rejects(remote.openPresent(record, 0, signal), SourceInterrupted);
  }
  assert.equal(sockets.size, 0);
});

test('an unreachable worker interrupts a read immediately', async () => {
  const remote = openTestRemote();
  const source = repositoryOf('docker.io', 'library/nginx');
  const signed = { address: 'http://127.0.0.1:1', fillId: 'any', digest: digestOf(Buffer.from('a')), size: 90, source };
  const place = { ...signed, ...peerKeys.signRecord(signed) };
  await assert.rejects(remote.open(place, { from: 0, toExclusive: 9, verified: false }, signal), SourceInterrupted);
  const leaving = new AbortController();
  leaving.abort(new Error('left'));
  await assert.rejects(remote.open(place, { from: 0, toExclusive: 9, verified: false }, leaving.signal), /left/);
  await remote.close();
});
