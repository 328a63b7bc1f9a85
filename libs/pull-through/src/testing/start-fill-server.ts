// Starts a fill and a real fill server for it, for tests of the protocol.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { createAnswerFill, createPeerKeys, openPeerConnections, openRemoteFills } from '@cistern/fills';
import { createLogger } from '@cistern/telemetry';
import { repositoryOf } from '@cistern/index/testing';
import { startTestCache } from './start-test-cache.ts';
import { wrapCommits } from './wrap-commits.ts';
import { bytesOf } from '@cistern/oci/testing';

const library = repositoryOf('docker.io', 'library/nginx');
export const peerKeys = createPeerKeys('the secret of the test cluster');
const log = createLogger({ level: 'error', formatter: 'json', destination: { write() {} } });

/** Starts a fill of `size` bytes, of which the upstream has sent `sent`. The commit waits until `commit` is called. */
export async function startFillServer(t: TestContext, { size, sent = size }: { size: number; sent?: number }) {
  const committing = Promise.withResolvers<void>();
  const uploaded = Promise.withResolvers<void>();
  const started = await startTestCache({
    realTime: true,
    wrapStore: (inner) =>
      wrapCommits(inner, async (commit) => {
        uploaded.resolve();
        await committing.promise;
        await commit();
      }),
  });
  const { hub, index, fills, cache } = started;
  const bytes = bytesOf(size);
  const digest = hub.addBlob(library.repository, bytes);
  hub.script.gated = true;
  hub.allow(sent);
  const opened = await cache.openBlob({ ...library, digest, intent: 'whole' });
  const { fillId } = (await index.fills.read(digest))!;
  const fill = fills.get(fillId)!;

  let bytesSent = 0;
  const sockets = new Set<Socket>();
  const clock = { aheadMs: 0 };
  const server = createServer();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const onSent = (count: number) => void (bytesSent += count);
  const now = () => Date.now() + clock.aheadMs;
  server.on('request', createAnswerFill({ fills, keys: peerKeys, address, now, onSent }));
  const remote = openTestRemote();
  const signed = { address, fillId, digest, size, source: library };
  const place = { ...signed, ...peerKeys.signRecord(signed) };
  t.after(async () => {
    committing.resolve();
    hub.allow(size);
    await remote.close();
    server.closeAllConnections();
    server.close();
    await started.close();
  });
  return {
    ...started,
    bytes,
    digest,
    opened,
    fill,
    fillId,
    server,
    sockets,
    address,
    place,
    /** The server's clock; tests may change it. */
    clock,
    remote,
    /** Resolves when all bytes are verified and wait for the commit. */
    uploaded: uploaded.promise,
    commit: committing.resolve,
    bytesSent: () => bytesSent,
    /** Returns the end of the contiguous bytes that came from the upstream. */
    async presentEnd() {
      const present = await fill.openPresent(0);
      await present?.reader.close();
      return present?.endExclusive ?? 0;
    },
    open: (from: number, toExclusive: number, verified = true) =>
      remote.open(place, { from, toExclusive, verified }, new AbortController().signal),
  };
}

/** Opens a client for fill servers. The caller closes it. */
export function openTestRemote({ keys = peerKeys, connections = openPeerConnections() } = {}) {
  return openRemoteFills({ keys, connections, now: Date.now, log });
}

interface Reader {
  read(into: Uint8Array): Promise<number>;
}

/** Reads to the end, in buffers of `chunkBytes`. */
export async function readAll(reader: Reader, chunkBytes = 64 * 1024): Promise<Buffer> {
  const chunks: Buffer[] = [];
  await readInto(reader, chunks, chunkBytes);
  return Buffer.concat(chunks);
}

/** Works like `readAll`, but adds the bytes to `chunks`, which also has the bytes from before a failure. */
export async function readInto(reader: Reader, chunks: Buffer[], chunkBytes = 64 * 1024): Promise<void> {
  const buffer = Buffer.alloc(chunkBytes);
  for (let length = await reader.read(buffer); length > 0; length = await reader.read(buffer))
    chunks.push(Buffer.from(buffer.subarray(0, length)));
}
