// Replays a day of a fleet's builds in some seconds. A few images are pulled all the time and many now and then, from
// an upstream with realistic latency and bandwidth. Each contender starts empty.
// real-time: a benchmark measures how long pulls take
import { setTimeout as delay } from 'node:timers/promises';
import { cistern, direct, dockerRegistry } from '../contenders/contenders.ts';
import { percentile } from '../load/pull-all.ts';
import { pull } from '../load/pull.ts';
import type { AddedImage, Upstream } from '../upstream/start-upstream.ts';
import type { Workload } from './workload.ts';

const mebibyte = 1024 * 1024;
const baseBytes = 4 * mebibyte;
const [images, bases, pulls, clients] = [40, 4, 240, 8];
const zipfExponent = 1.1;
const link = { latencyMs: 20, bytesPerSecond: 25_000_000 };
const repository = 'library/trace';

export const ciTrace: Workload = {
  name: 'ci-trace',
  title: `${pulls} pulls of ${images} images by ${clients} clients, upstream with 20 ms latency and 200 Mbit/s`,
  headline: 'pull p50 ms',
  mode: 'full',
  contenders: [cistern, dockerRegistry, direct],
  mostRounds: 3,
  async run({ kind, site: { upstream }, site, round }) {
    const added = await addTraceImages(upstream, { repository, baseBytes });
    const contender = await kind.start(site);
    await upstream.limit(link);
    try {
      const wanted = dayTrace(round);
      const tookMs: number[] = [];
      const client = async () => {
        for (let image = wanted.pop(); image !== undefined; image = wanted.pop()) {
          const beganAtMs = performance.now();
          await pullImage(contender.url, added[image]!, image);
          tookMs.push(performance.now() - beganAtMs);
          await delay(1);
        }
      };
      const before = await upstream.counts('/blobs/');
      await Promise.all(Array.from({ length: clients }, client));
      const after = await upstream.counts('/blobs/');
      tookMs.sort((a, b) => a - b);
      return [
        { name: 'pull p50 ms', value: percentile(tookMs, 0.5), better: 'lower' },
        { name: 'pull p99 ms', value: percentile(tookMs, 0.99), better: 'lower' },
        { name: 'upstream MB', value: (after.bytes - before.bytes) / 1e6, better: 'lower' },
      ];
    } finally {
      await upstream.limit({});
      await contender.close();
    }
  },
};

/**
 * Creates images of three layers: a base that several share, packages of a quarter of its size, and a program of a
 * sixteenth.
 */
export async function addTraceImages(
  upstream: Upstream,
  { repository: name, baseBytes: size }: { readonly repository: string; readonly baseBytes: number },
): Promise<AddedImage[]> {
  const added: AddedImage[] = [];
  for (let image = 0; image < images; image += 1) {
    const layers = [
      { size, seed: `base ${image % bases}` },
      { size: size / 4, seed: `packages ${image}` },
      { size: size / 16, seed: `program ${image}` },
    ];
    added.push(await upstream.addImage(name, { tag: `v${image}`, mediaTypes: 'docker', layers }));
  }
  return added;
}

/** Pulls like a client without any layer: the manifest by its tag, then all its content at the same time. */
async function pullImage(url: string, image: AddedImage, number: number): Promise<void> {
  const { digest, size, config, layers } = image;
  const base = `${url}/v2/${repository}`;
  await pull({ url: `${base}/manifests/v${number}`, digest, size }, true);
  await Promise.all([config, ...layers].map((blob) => pull({ ...blob, url: `${base}/blobs/${blob.digest}` }, true)));
}

/**
 * Returns the image numbers of a day's pulls, the first ones most often. They are the same for all contenders of a
 * round.
 */
export function dayTrace(round: number): number[] {
  const weights = Array.from({ length: images }, (_, image) => 1 / (image + 1) ** zipfExponent);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const random = createRandom(round + 1);
  return Array.from({ length: pulls }, () => {
    let at = random() * total;
    const image = weights.findIndex((weight) => (at -= weight) < 0);
    return image === -1 ? 0 : image;
  });
}

/** Returns numbers from 0 to 1, by Lehmer's multiplicative generator. */
function createRandom(seed: number): () => number {
  let state = seed * 7919;
  return () => {
    state = (state * 48_271) % 0x7f_ff_ff_ff;
    return state / 0x7f_ff_ff_ff;
  };
}
