// Reads bodies that break off, stall or do not match the request.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import test, { type TestContext } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { digestOf } from '@cistern/oci';
import type { BlobReader } from '../blob-store.ts';
import { assertSameBytes, openReader, readToEnd, rejectsAsUnavailable } from '../conformance/sample-blob.ts';
import { type Answer, requestedRange, sendHead, startScriptedServer } from './fixtures/scripted-server.ts';

const bytes = randomBytes(3_000_000);
const digest = digestOf(bytes);

/** Sends correct responses, but breaks the connection after `limit` bytes of each body. */
const breakingAfter = (limit: (request: number) => number): Answer =>
  (() => {
    let count = 0;
    return (request, response) => {
      sendHead(request, response, bytes.length);
      const { start, end } = requestedRange(request, bytes.length);
      const cut = start + limit(count++);
      if (cut >= end) response.end(bytes.subarray(start, end));
      else response.write(bytes.subarray(start, cut), () => response.socket?.end());
    };
  })();

async function open(t: TestContext, answer: Answer, timeoutMs = 10_000) {
  const server = await startScriptedServer(t, answer);
  return { server, store: await server.open({ timeoutMs, promptMs: timeoutMs }) };
}

test('the reader of a body that breaks off continues at its position', async (t) => {
  const { server, store } = await open(
    t,
    breakingAfter(() => 700_000),
  );
  const reader = await openReader(store, digest, { start: 5, end: bytes.length - 6 });
  assertSameBytes(await readToEnd(reader, 100_000), bytes.subarray(5, -5));
  await reader.close();
  assert.equal(server.requests.length, 5);
});

test('more readers than connections get their bytes, even if all of them read slowly', async (t) => {
  const small = bytes.subarray(0, 40_000);
  const { server, store } = await open(t, (request, response) => {
    sendHead(request, response, small.length);
    const { start, end } = requestedRange(request, small.length);
    response.end(small.subarray(start, end));
  });
  const readers: { readonly reader: BlobReader; readonly read: Buffer[] }[] = [];
  const readOn = async ({ reader, read }: (typeof readers)[number]) => {
    const buffer = Buffer.alloc(20_000);
    const length = await reader.read(buffer);
    read.push(buffer.subarray(0, length));
    return length;
  };
  for (let slow = 0; slow < 1_100; slow += 1) {
    const opened = { reader: await openReader(store, digest), read: [] };
    readers.push(opened);
    await readOn(opened);
  }
  // Other requests have connections of their own.
  assert.ok(server.sockets.size <= 1_030, `${server.sockets.size} connections`);
  // The first 100 readers include all readers that lost their connection.
  for (const slow of readers.slice(0, 100)) {
    while ((await readOn(slow)) > 0);
    assertSameBytes(Buffer.concat(slow.read), small);
  }
  for (const { reader } of readers) await reader.close();
});

test('a read fails if the body breaks off without a byte, and a later read continues', async (t) => {
  const { store } = await open(
    t,
    breakingAfter((count) => [1_000_000, 0, 10_000_000][count] ?? 0),
  );
  const reader = await openReader(store, digest);
  const read: Buffer[] = [];
  const buffer = Buffer.alloc(64 * 1024);
  let failures = 0;
  for (let at = 0; at < bytes.length;) {
    try {
      const length = await reader.read(buffer);
      read.push(Buffer.from(buffer.subarray(0, length)));
      at += length;
    } catch (error) {
      assert.ok(isCacheError(error, 'store-unavailable') && error.retryable);
      assert.match(
        error.message,
        /^The store cannot read a blob: http:\/\/127\.\S+ broke the connection \(ECONNRESET\)\.$/,
      );
      failures += 1;
      assert.equal(at, 1_000_000);
    }
  }
  assert.equal(failures, 1);
  assertSameBytes(Buffer.concat(read), bytes);
  await reader.close();
});

test('a read that resumes fails if the blob has changed its size, and never returns a short or mixed blob', async (t) => {
  const answer = breakingAfter(() => 700_000);
  let answered = 0;
  const { store } = await open(t, (request, response) => {
    if (answered++ === 0) return answer(request, response);
    sendHead(request, response, bytes.length + 1);
    return response.end(bytes.subarray(700_000));
  });
  const reader = await openReader(store, digest);
  await rejectsAsUnavailable(async () => readToEnd(reader));
  await reader.close();
});

test('a read fails if the response has another range than requested', async (t) => {
  const wrong: Answer[] = [
    (_request, response) => response.writeHead(200, { 'content-length': bytes.length }).end(bytes),
    (_request, response) =>
      response.writeHead(206, { 'content-range': `bytes 0-9/${bytes.length}` }).end(bytes.subarray(0, 10)),
    (_request, response) => response.writeHead(206, { 'content-length': 10 }).end(bytes.subarray(10, 20)),
  ];
  for (const answer of wrong) {
    const { store } = await open(t, answer);
    await rejectsAsUnavailable(async () => store.open(digest, { start: 10, end: 19 }));
  }
});

test('a read times out if the server stops sending within a body', async (t) => {
  const { server, store } = await open(
    t,
    (request, response) => {
      sendHead(request, response, bytes.length);
      response.write(bytes.subarray(0, 10));
    },
    3000,
  );
  const reader = await openReader(store, digest);
  await assert.rejects(readToEnd(reader), /has been silent for too long \(SILENT\)/);
  await reader.close();
  assert.equal(server.requests.length, 1, 'a timeout is not retried');
});

test('a reader that pauses for longer than the timeout can continue', async (t) => {
  const { server, store } = await open(
    t,
    breakingAfter(() => bytes.length),
    3000,
  );
  const reader = await openReader(store, digest);
  const first = Buffer.alloc(1000);
  assert.equal(await reader.read(first), 1000);
  await new Promise((resolve) => setTimeout(resolve, 3500));
  assertSameBytes(Buffer.concat([first, await readToEnd(reader)]), bytes);
  await reader.close();
  assert.equal(server.requests.length, 1);
});

test('a reader that does not read stops the server by back-pressure, and close breaks the connection', async (t) => {
  const large = 64 * 1024 * 1024;
  let sent = 0;
  const { server, store } = await open(t, (request, response) => {
    sendHead(request, response, large);
    const chunk = Buffer.alloc(256 * 1024);
    const more = () => {
      while (response.writable && response.write(chunk)) sent += chunk.length;
      response.once('drain', more);
    };
    more();
  });
  const reader = await openReader(store, digest);
  await reader.read(Buffer.alloc(1000));
  // Waits until the buffers of both sockets are full.
  for (let before = -1; before !== sent;) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.ok(sent < large / 2, `${sent} bytes were sent for a reader that wants 1000`);
  const pooled = server.sockets.size - 1;
  await reader.close();
  while (server.sockets.size > pooled) await new Promise((resolve) => setTimeout(resolve, 5));
});

test('connections of fully read bodies are reused', async (t) => {
  const ports = new Set<number | undefined>();
  const answer = breakingAfter(() => bytes.length);
  const { store } = await open(t, (request, response) => {
    ports.add(request.socket.remotePort);
    answer(request, response);
  });
  for (let round = 0; round < 10; round += 1) {
    const reader = await openReader(store, digest, { start: round, end: 500_000 });
    await readToEnd(reader);
    await reader.close();
  }
  // The connection may become free a moment after the last byte of its response.
  assert.ok(ports.size <= 3, `${ports.size} connections`);
});
