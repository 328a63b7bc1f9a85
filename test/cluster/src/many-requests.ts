// Requests of every kind to every frontend. Most are abandoned at a random point, and some have bodies that break.
import { connect } from 'node:net';
import { createRandom, type Random } from '@cistern/single-node/random';
import { beginDownload } from '@cistern/single-node/send-request';
import type { FakeUpstream } from '@cistern/fake-upstream';
import type { Cluster } from '@cistern/test-servers';

const atOnce = 20;
const repository = 'library/app';

export interface ManyRequests {
  /**
   * Sends `count` requests and resolves when all have ended or were abandoned. Cold requests are cold only in the first
   * call.
   */
  send(count: number): Promise<void>;
}

/** `blobs` is the number of different blobs to request. */
export function prepareRequests(upstream: FakeUpstream, cluster: Cluster, seed: number, blobs: number): ManyRequests {
  const random = createRandom(seed);
  const places = [cluster, ...cluster.frontends];
  const digests = Array.from({ length: blobs }, (_, number) => {
    // A few are large enough to be uploaded in parts.
    const size = number % 50 === 1 ? 9_000_000 + number : 1000 + ((number * 7919) % 700_000);
    return upstream.addBlob(repository, { size, seed: `${seed} ${number}` }).digest;
  });
  const images = [1, 2, 3].map((number) => upstream.addImage(repository, { tag: `v${number}`, seed: number }));
  // Slow enough that clients can abandon a body in the middle.
  upstream.addFault({ endpoint: 'blob' }, { bytesPerSecond: 8_000_000 });
  for (const digest of digests.slice(0, blobs / 20)) upstream.addFault({ digest }, { flipByteAt: 0 });
  for (const digest of digests.slice(blobs / 20, blobs / 10))
    upstream.addFault({ digest }, { resetAfterBytes: 1, ignoreRange: true });

  function choosePath(): string {
    const image = random.pick(images);
    const blob = () => `blobs/${random.pick(digests)}`;
    return random.pick([
      blob,
      blob,
      blob,
      blob,
      () => `manifests/v${random.between(1, 3)}`,
      () => `manifests/${image.digest}`,
      () => `blobs/${image.layers[0]?.digest}`,
      () => 'manifests/missing',
      () => 'tags/list?n=2',
      () => `referrers/${image.digest}`,
      () => `blobs/sha256:${'0'.repeat(64)}`,
      () => 'manifests/-',
    ])();
  }

  async function sendOne(): Promise<void> {
    const at = random.pick(places);
    const path = `/v2/${repository}/${choosePath()}`;
    const [how, leaveAfterBytes, leaveAfterMs] = [
      random.between(0, 3),
      random.between(1, 500_000),
      random.between(0, 30),
    ];
    if (how === 0) return sendAndDisconnect(portOf(at), path, leaveAfterMs);
    const download = await beginDownload(at.url + path, requestOptions(random));
    if (how === 1) {
      await download.untilReceived(leaveAfterBytes).catch(() => {});
      download.leave();
    }
    await download.ended;
  }

  return {
    async send(count) {
      let left = count;
      const client = async () => {
        while (left-- > 0) await sendOne();
      };
      await Promise.all(Array.from({ length: atOnce }, client));
    },
  };
}

function requestOptions(random: Random) {
  const start = random.between(0, 100_000);
  const ranges = [undefined, undefined, `bytes=${start}-`, `bytes=${start}-${start + 999}`, 'bytes=0-9,20-29,-5'];
  const range = random.pick(ranges);
  return { method: random.pick(['GET', 'GET', 'GET', 'HEAD']), headers: range === undefined ? {} : { range } };
}

/** Connects, sends two requests, and disconnects, perhaps before any byte was read. */
function sendAndDisconnect(port: number, path: string, afterMs: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: cache.test\r\n\r\n`.repeat(2));
    // real-time: the client leaves at a random moment
    setTimeout(() => socket.resetAndDestroy(), afterMs);
    socket.on('error', () => {});
    socket.once('close', () => resolve());
  });
}

function portOf({ url }: { readonly url: string }): number {
  return Number(new URL(url).port);
}
