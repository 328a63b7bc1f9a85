// Asserts the behaviour of a cold herd, for a blob of any size. There is one upstream GET. All clients get bytes while
// the upstream is still sending, and the right ones. Memory is bounded. A slow client slows down no other, and a
// disconnected client stops nothing.
// real-time: reports how long the herd took; nothing asserts it
import assert from 'node:assert/strict';
import { createGate, startFakeUpstream } from '@cistern/fake-upstream';
import { startCistern, watchMemory } from '@cistern/test-servers';
import { startHerd } from './start-herd.ts';

const mebibyte = 1024 * 1024;
const clients = 100;
const slow = 7;
const leaving = 11;

export interface HerdFigures {
  readonly grownBytes: number;
  readonly seconds: number;
}

export async function runColdHerd(size: number): Promise<HerdFigures> {
  await using upstream = disposable(await startFakeUpstream(), (fake) => fake.close());
  const seed = 42;
  const blob = upstream.value.addBlob('library/herd', { size, seed });
  const warmUp = upstream.value.addBlob('library/herd', { size: 8 * mebibyte, seed: 1 });
  await using cistern = disposable(
    await startCistern({ config: { upstreams: { 'docker.io': { url: upstream.value.url } } } }),
    (server) => server.stop(),
  );
  const url = (digest: string) => `${cistern.value.url}/v2/library/herd/blobs/${digest}`;
  // Two rounds, cold and warm, allocate the memory of first requests, so that later growth is the herd's.
  for (let round = 0; round < 2; round += 1) await (await fetch(url(warmUp.digest))).arrayBuffer();

  const gate = createGate();
  const startedAtMs = performance.now();
  upstream.value.addFault({ digest: blob.digest, method: 'GET' }, { gate });
  const memory = watchMemory(cistern.value.pid);
  await using herd = disposable(
    startHerd({
      url: url(blob.digest),
      size,
      seed,
      clients,
      special: { [slow]: { bytesPerSecond: 100_000 }, [leaving]: { leavesAfterBytes: size / 20 } },
    }),
    async (started) => started.close(),
  );

  gate.allow(2 * mebibyte);
  await herd.value.until((events) => events.filter(({ kind }) => kind === 'first-byte').length > clients / 2);
  assert.ok(gate.passed() <= 2 * mebibyte, 'the median client has its first byte before upstream has sent 2 MiB');

  gate.release();
  await herd.value.until(() => herd.value.ends().filter(({ client }) => client !== slow).length === clients - 1);
  assert.equal(herd.value.ends().length, clients - 1, 'the others ended while the slow client was still reading');
  const seconds = (performance.now() - startedAtMs) / 1000;
  herd.value.hurry();
  const ends = await herd.value.ended();
  const grownBytes = memory.stop();

  for (const { client, error, wrongAt, received } of ends) {
    assert.equal(error, undefined, `client ${client}`);
    assert.equal(wrongAt, -1, `client ${client} got a wrong byte`);
    if (client !== leaving) assert.equal(received, size, `client ${client}`);
  }
  const upstreamGets = upstream.value.count({ digest: blob.digest, method: 'GET' });
  assert.equal(upstreamGets, 1);
  assert.equal(upstream.value.bytesSent(blob.digest), size);
  // The limit is far above the measured value, and far below the size of one buffer per client.
  assert.ok(grownBytes < 256 * mebibyte, `resident memory grew by ${Math.round(grownBytes / mebibyte)} MiB`);
  return { grownBytes, seconds };
}

function disposable<T>(value: T, close: (value: T) => Promise<unknown>) {
  return {
    value,
    async [Symbol.asyncDispose]() {
      await close(value);
    },
  };
}
