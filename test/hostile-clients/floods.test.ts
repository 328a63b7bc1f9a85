// Tests requests that are large, endless or numerous on one connection. They are rejected or answered at a bounded
// cost.
import assert from 'node:assert/strict';
import { after, test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ociTypes } from '@cistern/fake-upstream';
import { watchMemory } from '@cistern/test-servers';
import { openSockets } from './src/open-sockets.ts';
import { openProcessStage } from '@cistern/single-node/open-stage';
import { exchange } from '@cistern/single-node/send-raw';
import { sendRequest } from '@cistern/single-node/send-request';

const mebibyte = 1024 * 1024;
const { upstream, cistern } = await openProcessStage({ after });
const image = upstream.addImage('library/app', { tag: 'latest' });
const blob = `/v2/library/app/blobs/${image.layers[0]!.digest}`;
const isServed = async () => assert.equal((await sendRequest(cistern.url + blob)).status, 200);

/** Fails if the process grows by more than `mebibytes` while `act` runs. */
async function within(t: TestContext, mebibytes: number, act: () => Promise<unknown>): Promise<void> {
  await isServed();
  const memory = watchMemory(cistern.pid);
  await act();
  const grown = memory.stop() / mebibyte;
  t.diagnostic(`resident memory grew by ${Math.round(grown)} MiB`);
  assert.ok(grown < mebibytes, `${Math.round(grown)} MiB more`);
  await isServed();
}

test('a thousand requests with too large headers are rejected', async (t) => {
  const request = `GET /v2/ HTTP/1.1\r\nHost: a\r\n${`X-Much: ${'y'.repeat(1000)}\r\n`.repeat(70)}\r\n`;
  await within(t, 150, async () => {
    for (let round = 0; round < 10; round += 1) {
      const answers = await Promise.all(
        Array.from({ length: 100 }, () => exchange(cistern.port, request).catch(() => '')),
      );
      // A client that is still writing may lose the connection before it reads the answer.
      for (const answer of answers) assert.match(answer.toString('latin1'), /^(?:HTTP\/1\.1 431 |$)/);
      assert.ok(answers.some((answer) => answer.length > 0));
    }
  });
});

test('endless headers on a hundred connections are cut off', async (t) => {
  await within(t, 150, async () => {
    const sockets = await openSockets(cistern.port, 100);
    const closed = sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    for (const socket of sockets) socket.write('GET /v2/ HTTP/1.1\r\nHost: a\r\n');
    const line = Buffer.from(`X-More: ${'z'.repeat(8000)}\r\n`);
    for (let count = 0; count < 100 && sockets.some(({ writable }) => writable); count += 1) {
      for (const socket of sockets) if (socket.writable) socket.write(line);
      // real-time: a client that sends endless headers, at a sustainable rate
      await delay(5);
    }
    await Promise.all(closed);
  });
});

test('a hundred thousand unread responses on ten connections cost bounded memory', async (t) => {
  await within(t, 150, async () => {
    const sockets = await openSockets(cistern.port, 10);
    const many = Buffer.from(`GET ${blob} HTTP/1.1\r\nHost: a\r\n\r\n`.repeat(10_000));
    for (const socket of sockets) socket.pause().write(many);
    // real-time: responses pile up meanwhile for clients that do not read
    await delay(3000);
    for (const socket of sockets) socket.destroy();
  });
});

test('a body that is declared as compressed is not decompressed', async () => {
  const body = Buffer.alloc(1000);
  const answer = await exchange(
    cistern.port,
    `POST /v2/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n${body.toString('latin1')}`,
  );
  assert.match(answer.toString('latin1'), /^HTTP\/1\.1 4\d\d /);
});

test('a manifest of deep JSON is rejected at a bounded cost', async (t) => {
  const deep = `{"schemaVersion":2,"config":${'['.repeat(1_000_000)}`;
  const { digest } = upstream.addManifest('library/app', Buffer.from(deep), { mediaType: ociTypes.manifest });
  await within(t, 150, async () => {
    const answer = await sendRequest(`${cistern.url}/v2/library/app/manifests/${digest}`);
    assert.equal(answer.status, 502);
  });
});
