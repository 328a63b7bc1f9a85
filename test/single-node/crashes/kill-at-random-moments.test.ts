// Sends `kill -9` at any moment of a series of pulls. Afterwards the data on the disk and all responses are correct.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type CisternPlace, startCistern } from '@cistern/test-servers';
import { cacheOf, openCistern, openDirectory, openUpstream, seededBytes } from '../src/open-stage.ts';
import { createRandom } from '../src/random.ts';
import { sendRequest } from '../src/send-request.ts';
import { spoolFiles, storedDigests, wronglyStored } from '../src/store-files.ts';
import { until } from '../src/until.ts';

const rounds = 3;
const imagesPerRound = 4;
const seed = 20_261_124;

test(`a cache that is killed ${rounds} times while images are pulled stays correct (seed ${seed})`, async (t) => {
  const random = createRandom(seed);
  const upstream = await openUpstream({ after });
  const rootDirectory = await openDirectory({ after });
  const contents = new Map<string, Buffer>();
  const images = Array.from({ length: rounds * imagesPerRound }, (_, number) => {
    const layers = [1, 2].map((layer) => seededBytes(random.between(1, 1_500_000), `${number} ${layer}`));
    const image = upstream.addImage('library/app', { tag: `v${number}`, layers, seed: number });
    image.layers.forEach(({ digest }, position) => contents.set(digest, layers[position]!));
    return { tag: `v${number}`, image };
  });

  /** Pulls every part of an image at the same time, twice. Every complete response must be correct. */
  async function pull(
    cistern: CisternPlace,
    { tag, image }: (typeof images)[number],
    mustSucceed: boolean,
  ): Promise<void> {
    const get = async (path: string, expected: Buffer) => {
      const answer = await sendRequest(`${cistern.url}/v2/library/app/${path}`).catch(() => undefined);
      const whole = answer?.status === 200 && answer.complete;
      if (mustSucceed) assert.ok(whole, `${path}: ${answer?.status}`);
      if (whole) assert.ok(answer.body.equals(expected), path);
    };
    await get(`manifests/${tag}`, image.bytes);
    const blobs = image.layers.map(({ digest }) => digest);
    await Promise.all([...blobs, ...blobs].map((digest) => get(`blobs/${digest}`, contents.get(digest)!)));
  }

  // Blobs arrive one after the other, not all at the same time.
  upstream.addFault({ endpoint: 'blob' }, { bytesPerSecond: 10_000_000 });
  // One blob of the first round never arrives: at the end something is committed, and this blob is not.
  upstream.addFault({ digest: images[0]!.image.layers[0]!.digest }, { stallAfterBytes: 0 });
  let committed = 0;
  for (let round = 0; round < rounds; round += 1) {
    const cistern = await startCistern({ rootDirectory, config: cacheOf(upstream) });
    assert.deepEqual(await spoolFiles(rootDirectory), []);
    upstream.reset();
    const pulled = images.slice(round * imagesPerRound, (round + 1) * imagesPerRound);
    const pulls = pulled.map((image) => pull(cistern, image, false));
    // Each image has a manifest and two layers.
    const answers = random.between(imagesPerRound, imagesPerRound * 3 - 1);
    await upstream.waitForRequests({ outcome: 'finished' }, answers, 60_000);
    // real-time: the process is killed at a random moment
    await delay(random.between(0, 20));
    if (round === 0) await until('one is stored', async () => (await storedDigests(rootDirectory)).length > 0);
    await cistern.kill();
    await Promise.all(pulls);
    assert.deepEqual(await wronglyStored(rootDirectory), []);
    committed = (await storedDigests(rootDirectory)).length;
  }
  upstream.clearFaults();
  t.diagnostic(`${committed} blobs and manifests were committed before the last kill`);
  assert.ok(committed > 0, 'something was committed; otherwise this test proves nothing');
  assert.ok(committed < contents.size + images.length, 'something was interrupted');

  const cistern = await openCistern(t, { rootDirectory, config: cacheOf(upstream) });
  for (const image of images) await pull(cistern, image, true);
  await cistern.stop();
  assert.deepEqual(await wronglyStored(rootDirectory), []);
});
