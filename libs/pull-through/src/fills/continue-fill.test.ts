// Copies bytes from another worker's fill. A copy that is abandoned frees its resources.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { UpstreamBlobBody } from '@cistern/upstream';
import { createLogger } from '@cistern/telemetry';
import { startFillServer } from '../testing/start-fill-server.ts';
import { repositoryOf } from '@cistern/index/testing';
import { until } from '@cistern/runtime/testing';
import { continueFill } from '@cistern/fills';

const { repository } = repositoryOf('docker.io', 'library/nginx');
const log = createLogger({ level: 'error', formatter: 'json' });

/** Opens a body that continues a fill of `size` bytes, of which the upstream has sent `sent`. */
async function startCopy(t: TestContext, { size, sent }: { size: number; sent: number }) {
  const server = await startFillServer(t, { size, sent });
  const { remote, place, digest, hub, presentEnd, sockets } = server;
  await until(async () => (await presentEnd()) === sent);
  const leaving = new AbortController();
  const upstream = continueFill(hub, remote, place, size, log);
  const opened = await upstream.getBlob(repository, digest, { signal: leaving.signal });
  assert.equal(sockets.size, 1);
  return { ...server, opened, leaving };
}

async function readPieces({ body }: UpstreamBlobBody, count: number): Promise<number> {
  let length = 0;
  let pieces = 0;
  for await (const piece of body) {
    length += piece.length;
    pieces += 1;
    if (pieces === count) break;
  }
  return length;
}

test('copied pieces stay unchanged, and take no more memory than their length', async (t) => {
  const { opened, bytes } = await startCopy(t, { size: 3_000_000, sent: 2_900_000 });
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of opened.body) {
    pieces.push(piece);
    length += piece.length;
    if (length >= 2_900_000) break;
  }
  opened.close();
  assert.ok(Buffer.concat(pieces).equals(bytes.subarray(0, length)));
  const memory = [...new Set(pieces.map(({ buffer }) => buffer))].reduce((sum, { byteLength }) => sum + byteLength, 0);
  assert.ok(memory <= 2_900_000 + 256 * 1024, `${memory} bytes of memory`);
});

test('a copy that is abandoned halfway closes its connection to the worker', async (t) => {
  const { opened, sockets, bytes } = await startCopy(t, { size: 20_000_000, sent: 19_000_000 });
  assert.ok((await readPieces(opened, 1)) < bytes.length);
  await until(() => sockets.size === 0);
});

test('an unread copy closes its connection to the worker when it is closed', async (t) => {
  const { opened, sockets } = await startCopy(t, { size: 20_000_000, sent: 19_000_000 });
  opened.close();
  await until(() => sockets.size === 0);
});

test('a copy stops reading when its fill ends', async (t) => {
  const { opened, sockets, leaving } = await startCopy(t, { size: 20_000_000, sent: 19_000_000 });
  const reading = async () => {
    for await (const piece of opened.body) {
      assert.ok(piece.length > 0);
      leaving.abort(new Error('left'));
    }
  };
  await assert.rejects(reading, /left/);
  await until(() => sockets.size === 0);
});
