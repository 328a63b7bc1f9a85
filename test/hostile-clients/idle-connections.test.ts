// Tests ten thousand connections that send little or nothing. They cost little, affect no other client, and are closed.
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after, test } from 'node:test';
import { watchMemory } from '@cistern/test-servers';
import { openSockets } from './src/open-sockets.ts';
import { openProcessStage } from '@cistern/single-node/open-stage';
import { sendRequest } from '@cistern/single-node/send-request';
import { until } from '@cistern/single-node/until';

const mebibyte = 1024 * 1024;
const { upstream, cistern } = await openProcessStage({ after });
const image = upstream.addImage('library/app', { tag: 'latest' });
const blob = `${cistern.url}/v2/library/app/blobs/${image.layers[0]!.digest}`;

const isServed = async () => assert.equal((await sendRequest(blob)).status, 200);
const stillOpen = (sockets: readonly Socket[]) => sockets.filter((socket) => !socket.closed).length;

test('ten thousand idle connections cost little memory', async (t) => {
  await isServed();
  const memory = watchMemory(cistern.pid);
  const sockets = await openSockets(cistern.port, 10_000);
  try {
    for (let count = 0; count < 20; count += 1) await isServed();
    const grownBytes = memory.stop();
    t.diagnostic(`resident memory grew by ${Math.round(grownBytes / mebibyte)} MiB`);
    assert.ok(grownBytes < 200 * mebibyte, `${Math.round(grownBytes / mebibyte)} MiB more`);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
  await isServed();
});

test('a thousand connections that send a header byte each second are closed', async () => {
  const sockets = await openSockets(cistern.port, 1000);
  const dawdle = (text: string) => sockets.forEach((socket) => socket.writable && socket.write(text));
  dawdle('GET /v2/ HTTP/1.1\r\nHost: a\r\nX-Slow: ');
  // real-time: a client that sends a byte every second
  const timer = setInterval(() => dawdle('a'), 1000);
  try {
    await isServed();
    await until('all are closed', () => stillOpen(sockets) === 0, 60_000);
    await isServed();
  } finally {
    clearInterval(timer);
    for (const socket of sockets) socket.destroy();
  }
});

test('a thousand connections that never send their body get an answer without it, or are closed', async () => {
  const sockets = await openSockets(cistern.port, 1000);
  for (const socket of sockets)
    socket.write('POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\nx');
  try {
    await isServed();
    await until('all are closed', () => stillOpen(sockets) === 0, 60_000);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
});
