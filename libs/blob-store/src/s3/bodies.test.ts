// Reads responses that arrive in any pieces and end in any way.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import test, { type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { isCacheError } from '@cistern/errors';
import { digestOf } from '@cistern/oci';
import { assertSameBytes, openReader, readWhole, rejectsAsUnavailable } from '../conformance/sample-blob.ts';
import { startScriptedServer } from './fixtures/scripted-server.ts';

const bytes = randomBytes(300_000);
const digest = digestOf(bytes);
const head = (length: number, ...lines: string[]) =>
  ['HTTP/1.1 200 OK', `Content-Length: ${length}`, ...lines, '', ''].join('\r\n');

/**
 * Opens a store with a server that writes raw bytes to its sockets. `ports` has the client port of each request, which
 * identifies its connection.
 */
async function openRaw(t: TestContext, answer: (socket: Socket, request: number) => unknown) {
  const ports: (number | undefined)[] = [];
  const server = await startScriptedServer(t, ({ socket }) => {
    ports.push(socket.remotePort);
    void answer(socket, ports.length);
  });
  return { ports, server, store: await server.open({ promptMs: 10_000 }) };
}

test('the head of a response can arrive in any pieces, after a 100 response, and together with the body', async (t) => {
  const whole = Buffer.concat([Buffer.from(`HTTP/1.1 100 Continue\r\n\r\n${head(bytes.length)}`), bytes]);
  const { store, ports } = await openRaw(t, async (socket, request) => {
    if (request === 1) return socket.write(whole);
    for (let at = 0; at < 200; at += 1) {
      socket.write(whole.subarray(at, at + 1));
      await turn();
    }
    return socket.write(whole.subarray(200));
  });
  for (let round = 0; round < 2; round += 1) assertSameBytes(await readWhole(store, digest), bytes);
  assert.equal(new Set(ports).size, 1, 'both requests use one connection');
});

test('a read into a buffer of any size gets the right bytes, and the buffer does not change afterwards', async (t) => {
  const { store } = await openRaw(t, async (socket) => {
    socket.write(head(bytes.length));
    for (let at = 0; at < bytes.length; at += 50_001) {
      socket.write(bytes.subarray(at, at + 50_001));
      await turn();
    }
  });
  for (const size of [1000, 4095, 4096, 4097, 70_000, 1_000_000]) {
    const reader = await openReader(store, digest);
    const read: { buffer: Buffer; settled: Buffer; length: number }[] = [];
    for (;;) {
      const buffer = Buffer.alloc(size);
      const length = await reader.read(buffer);
      if (length === 0) break;
      read.push({ buffer, settled: Buffer.from(buffer), length });
    }
    await reader.close();
    assertSameBytes(Buffer.concat(read.map(({ buffer, length }) => buffer.subarray(0, length))), bytes);
    for (const { buffer, settled } of read) assertSameBytes(buffer, settled);
  }
});

test('a read that close has ended writes no more bytes', async (t) => {
  const sockets: Socket[] = [];
  const { store } = await openRaw(t, (socket) => {
    sockets.push(socket);
    socket.write(head(bytes.length));
    socket.write(bytes.subarray(0, 5000));
  });
  const reader = await openReader(store, digest);
  const buffer = Buffer.alloc(bytes.length);
  const reading = assert.rejects(reader.read(buffer), /closed/);
  await turn();
  await reader.close();
  await reading;
  const settled = Buffer.from(buffer);
  sockets[0]?.write(bytes.subarray(5000));
  await new Promise((resolve) => setTimeout(resolve, 30));
  assertSameBytes(buffer, settled);
});

test('bytes after the end of a body are never used as a response', async (t) => {
  const other = randomBytes(1000);
  const sockets: Socket[] = [];
  const { store, ports } = await openRaw(t, (socket, request) => {
    sockets.push(socket);
    if (request > 1) return socket.write(Buffer.concat([Buffer.from(head(other.length)), other]));
    return socket.write(Buffer.concat([Buffer.from(head(5000)), bytes.subarray(0, 5000)]));
  });
  assertSameBytes(await readWhole(store, digest), bytes.subarray(0, 5000));
  const [first] = sockets;
  first!.write(Buffer.concat([Buffer.from(head(3)), Buffer.from('abc')]));
  while (!first!.closed) await turn();
  assertSameBytes(await readWhole(store, digest), other);
  assert.equal(new Set(ports).size, 2);
});

test('a body that exceeds its declared length is a failure', async (t) => {
  const { store } = await openRaw(t, (socket) => {
    socket.write(Buffer.concat([Buffer.from(head(100)), bytes.subarray(0, 101)]));
  });
  await rejectsAsUnavailable(async () => readWhole(store, digest));
});

for (const [what, answer] of [
  ['without a length', 'HTTP/1.1 200 OK\r\n\r\nabc'],
  ['in chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'],
  ['with two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd'],
  ['in another protocol', 'SSH-2.0-OpenSSH_9.9\r\n\r\n'],
] as const)
  test(`a body ${what} is a failure`, async (t) => {
    const { store } = await openRaw(t, (socket) => socket.end(answer));
    await rejectsAsUnavailable(async () => store.open(digest));
  });

const missing = '<Error><Code>NoSuchKey</Code><Message>no such key</Message></Error>';
for (const [how, answer] of [
  ['by its length', `Content-Length: ${missing.length}\r\n\r\n${missing}`],
  ['in chunks', `Transfer-Encoding: chunked\r\n\r\n${missing.length.toString(16)}\r\n${missing}\r\n0\r\n\r\n`],
  ['by the end of the connection', `Connection: close\r\n\r\n${missing}`],
] as const)
  test(`the error code of a failure is read, with a body delimited ${how}`, async (t) => {
    const { store } = await openRaw(t, async (socket) => {
      for (const piece of `HTTP/1.1 404 Not Found\r\n${answer}`.match(/[\s\S]{1,40}/g) ?? []) {
        socket.write(piece);
        await turn();
      }
      if (answer.startsWith('Connection')) socket.end();
    });
    assert.equal(await store.open(digest), undefined);
  });

test('a request for a body is sent again after temporary failures, up to three times in all', async (t) => {
  const failure = 'HTTP/1.1 503 Slow Down\r\nContent-Length: 4\r\n\r\nwait';
  const answers = [failure, failure, `${head(3)}abc`, failure, failure, failure];
  const { store, ports } = await openRaw(t, (socket, request) => socket.write(answers[request - 1] ?? ''));
  assertSameBytes(await readWhole(store, digest), Buffer.from('abc'));
  await assert.rejects(
    store.open(digest),
    (error) => isCacheError(error, 'store-unavailable') && error.message.includes('(HTTP 503)'),
  );
  assert.equal(ports.length, 6);
});

test('a connection that the server closes, or says that it will close, is not reused', async (t) => {
  const { store, ports, server } = await openRaw(t, (socket, request) => {
    if (request === 1) return socket.end(`${head(3, 'Connection: close')}abc`);
    socket.write(`${head(3)}abc`);
    return setTimeout(() => socket.end(), 30);
  });
  const others = server.sockets.size;
  for (let round = 0; round < 3; round += 1) {
    assertSameBytes(await readWhole(store, digest), Buffer.from('abc'));
    while (server.sockets.size > others) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.deepEqual([ports.length, new Set(ports).size], [3, 3]);
});
