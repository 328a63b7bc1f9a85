// Clients that pull continuously through haproxy: stored and new images, by tag and by digest, whole blobs and ranges.
// Some pull the same image at the same time. Every byte is checked, and every failure is kept.
// real-time: clients pause between pulls
import { setTimeout as delay } from 'node:timers/promises';
import { createRandom } from '@cistern/single-node/random';
import type { AddedImage } from '@cistern/fake-upstream';
import { digestOf } from '@cistern/oci';
import type { ClusterRig } from './open-cluster-rig.ts';

interface LoadResult {
  /** Pulls of whole images, cold and warm. */
  readonly pulls: number;
  /** Each failed request with its error. */
  readonly failures: readonly string[];
}

export interface SteadyLoad {
  /** The number of pulls so far, as in the result of `stop`. */
  pulls(): number;
  /** Lets running pulls end. */
  stop(): Promise<LoadResult>;
}

const loops = 6;
const repository = 'library/load';
let images = 0;

/** Resolves when the warm images are warm. Each client pauses for `pauseMs` after a pull. The caller stops the load. */
export async function startSteadyLoad({ upstream, urlOf }: ClusterRig, pauseMs = 0): Promise<SteadyLoad> {
  const random = createRandom(11);
  const failures: string[] = [];
  let pulls = 0;
  let stopped = false;

  const addImage = (): AddedImage & { readonly tag: string } => {
    const tag = `v${(images += 1)}`;
    const layers = [100_000, 900_000, 3_000_000].map((size, layer) => ({ size, seed: `${tag} ${layer}` }));
    return { ...upstream.addImage(repository, { tag, seed: tag, layers }), tag };
  };

  /** Checks the bytes, and records a failure if they are wrong. */
  async function check(path: string, digest: string, range?: string): Promise<void> {
    const startedAt = new Date().toISOString();
    try {
      const answer = await fetch(urlOf(`${repository}/${path}`), range === undefined ? {} : { headers: { range } });
      const body = Buffer.from(await answer.arrayBuffer());
      if (answer.status !== (range === undefined ? 200 : 206)) throw new Error(`${answer.status} ${body.toString()}`);
      if (range === undefined && digestOf(body) !== digest) throw new Error('wrong bytes');
    } catch (error) {
      const { message, cause } = error as Error;
      failures.push(`${startedAt} ${path} ${range ?? ''}: ${message} ${cause instanceof Error ? cause.message : ''}`);
    }
  }

  async function pull(image: AddedImage, reference: string): Promise<void> {
    await check(`manifests/${reference}`, image.digest);
    await Promise.all([image.config, ...image.layers].map(({ digest }) => check(`blobs/${digest}`, digest)));
    pulls += 1;
  }

  const warm = Array.from({ length: 3 }, addImage);
  for (const image of warm) await pull(image, image.tag);

  const loop = async () => {
    while (!stopped) {
      const image = random.between(0, 2) === 0 ? addImage() : random.pick(warm);
      const reference = random.pick([image.tag, image.digest]);
      await Promise.all(Array.from({ length: random.between(1, 3) }, () => pull(image, reference)));
      const { digest, size } = random.pick(image.layers);
      const start = random.between(0, size - 1);
      await check(`blobs/${digest}`, digest, `bytes=${start}-${random.between(start, size - 1)}`);
      await delay(pauseMs);
    }
  };
  const running = Promise.all(Array.from({ length: loops }, loop));
  return {
    pulls: () => pulls,
    async stop() {
      stopped = true;
      await running;
      return { pulls, failures };
    },
  };
}
