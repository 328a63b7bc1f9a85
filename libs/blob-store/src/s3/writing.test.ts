// How a writer hands its bytes on: how much it keeps, whom it lets wait, and what it leaves behind when it fails.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import test, { type TestContext } from 'node:test';
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { until } from '@cistern/runtime/testing';
import { digestOf } from '@cistern/oci';
import { rejectsAsUnavailable, sampleBlob } from '../conformance/sample-blob.ts';
import { startScriptedServer } from './fixtures/scripted-server.ts';
import { createUploadScript, uploadId } from './fixtures/upload-script.ts';

const mebibyte = 1024 * 1024;
const part = Buffer.alloc(8 * mebibyte, 'part');

async function open(t: TestContext, partBudgetBytes: number) {
  const script = createUploadScript();
  const server = await startScriptedServer(t, script.answer);
  const store = await server.open({ partBudgetBytes, log: { warn() {} } });
  const begin = async () => store.begin(digestOf(randomBytes(10)));
  return { script, server, store, begin };
}

async function isPending(promise: Promise<unknown>): Promise<boolean> {
  return Promise.race([promise.then(() => false), delay(30).then(() => true)]);
}

test('parts go up while the blob arrives, and are put together in order', async (t) => {
  const { script, begin } = await open(t, 64 * mebibyte);
  const writer = await begin();
  script.release();
  for (let written = 0; written < 20; written += 1) await writer.append(part.subarray(0, mebibyte));
  await until(() => script.arrived.size === 2);
  await writer.commit();
  assert.deepEqual(
    new Map(script.arrived),
    new Map([
      [`${uploadId}/1`, 8 * mebibyte],
      [`${uploadId}/2`, 8 * mebibyte],
      [`${uploadId}/3`, 4 * mebibyte],
    ]),
  );
  assert.deepEqual(
    [...(script.completed[0] ?? '').matchAll(/<PartNumber>(\d+)/g)].map(([, number]) => number),
    ['1', '2', '3'],
  );
  assert.deepEqual(script.aborted, []);
});

test('appends wait while the parts of all blobs together fill the budget', async (t) => {
  const { script, begin } = await open(t, 16 * mebibyte);
  const writers = await Promise.all([begin(), begin(), begin(), begin()]);
  const appends = writers.map(async (writer) => writer.append(part));
  await Promise.all(appends.slice(0, 2));
  assert.equal(await isPending(appends[2]!), true);
  assert.equal(await isPending(appends[3]!), true);
  script.release();
  await Promise.all(appends);
  await Promise.all(writers.map(async (writer) => writer.commit()));
  assert.equal(script.completed.length, 4);
});

test('one blob alone keeps no more than the budget either', async (t) => {
  const { script, begin } = await open(t, 16 * mebibyte);
  const writer = await begin();
  await writer.append(part);
  await writer.append(part);
  const third = writer.append(part);
  assert.equal(await isPending(third), true);
  script.release();
  await third;
  await writer.commit();
});

test('small blobs do not wait for large ones', async (t) => {
  const { begin, server, store } = await open(t, 8 * mebibyte);
  const large = await begin();
  await large.append(part);
  const small = sampleBlob(60_000);
  const writer = await store.begin(small.digest);
  for (let at = 0; at < small.bytes.length; at += 1000) await writer.append(small.bytes.subarray(at, at + 1000));
  await writer.commit();
  const puts = server.requests.filter((request) => /^PUT .*\/data$/.test(request));
  assert.equal(puts.length, 1);
});

test('a writer that is aborted while it waits for memory stops waiting, and lets the next one in', async (t) => {
  const { script, begin } = await open(t, 8 * mebibyte);
  const [first, second, third] = await Promise.all([begin(), begin(), begin()]);
  await first.append(part);
  const waiting = assert.rejects(second.append(part), /ended/);
  const next = third.append(part);
  await second.abort();
  await waiting;
  script.release();
  await next;
  await first.commit();
  await third.commit();
});

test('what an aborted writer holds is free again', async (t) => {
  const { script, begin } = await open(t, 8 * mebibyte);
  script.release();
  for (let round = 0; round < 5; round += 1) {
    const writer = await begin();
    await writer.append(part.subarray(0, mebibyte));
    if (round % 2 === 0) await writer.append(part);
    await writer.abort();
  }
  assert.deepEqual(new Set(script.aborted), new Set([uploadId]));
});

test('a part that the server refuses fails the blob, and the upload is aborted', async (t) => {
  const { script, begin } = await open(t, 32 * mebibyte);
  script.release(400);
  const writer = await begin();
  await writer.append(part);
  await rejectsAsUnavailable(async () => writer.commit());
  await until(() => script.aborted.length > 0);
  assert.deepEqual(script.aborted, [uploadId]);
  const other = await begin();
  await other.append(part);
  await until(() => script.arrived.size === 1);
  await rejectsAsUnavailable(async () => {
    for (;;) await other.append(part).then(turn);
  });
  await other.abort();
  assert.deepEqual(script.aborted, [uploadId, uploadId]);
  assert.deepEqual(script.completed, []);
});

test('an abort waits for parts under way, lest they outlive the upload', async (t) => {
  const { script, begin } = await open(t, 32 * mebibyte);
  const writer = await begin();
  await writer.append(part);
  await until(() => script.arrived.size === 1);
  const aborted = writer.abort();
  assert.equal(await isPending(aborted), true);
  assert.deepEqual(script.aborted, []);
  script.release();
  await aborted;
  assert.deepEqual(script.aborted, [uploadId]);
});
