// Clients that pull through the load balancer: mostly images that were pulled before, some new ones, some at the same time.
// real-time: clients pause between pulls
import { setTimeout as delay } from 'node:timers/promises';
import type { AddedImage, FakeUpstream } from '@cistern/fake-upstream';
import { createRandom } from '@cistern/single-node/random';
import { sendRequest } from '@cistern/single-node/send-request';

export interface Traffic {
  /** Lets running pulls end. */
  stop(): Promise<void>;
}

const clients = 4;
const pauseMs = 300;
const layerSizes = [120_000, 700_000];

/** `upstreams` are the registries by the name that the cache knows. The first one is the default. */
export function startTraffic(url: string, upstreams: Readonly<Record<string, FakeUpstream>>, seed: number): Traffic {
  const random = createRandom(seed);
  const names = Object.keys(upstreams);
  const pulled: { readonly path: string; readonly image: AddedImage }[] = [];
  let isStopped = false;

  function addImage() {
    const name = random.pick(names);
    const number = pulled.length + 1;
    const repository = `team/app-${seed}-${number}`;
    const layers = layerSizes.map((size) => ({ size, seed: `${seed} ${number} ${size}` }));
    const image = upstreams[name]!.addImage(repository, { tag: 'latest', seed: repository, layers });
    const added = { path: name === names[0] ? repository : `${name}/${repository}`, image };
    pulled.push(added);
    return added;
  }

  async function pull({ path, image }: (typeof pulled)[number]): Promise<void> {
    const of = (part: string) => sendRequest(`${url}/v2/${path}/${part}`).catch(() => undefined);
    const manifest = await of('manifests/latest');
    if (manifest?.status !== 200) return;
    for (const { digest } of [image.config, ...image.layers]) await of(`blobs/${digest}`);
  }

  async function work(): Promise<void> {
    while (!isStopped) {
      const isNew = pulled.length < clients || random.between(1, 12) === 1;
      // Older images are pulled more often.
      const chosen = isNew ? addImage() : pulled[Math.min(...[1, 2].map(() => random.between(0, pulled.length - 1)))]!;
      await Promise.all(Array.from({ length: isNew ? 2 : 1 }, () => pull(chosen)));
      // A client without credentials for the catalog, and one that mistypes a name.
      if (random.between(1, 30) === 1) await sendRequest(`${url}/v2/team/no-such-app/manifests/latest`).catch(() => {});
      await delay(random.between(pauseMs / 2, pauseMs * 2));
    }
  }

  const working = Promise.all(Array.from({ length: clients }, work));
  return {
    async stop() {
      isStopped = true;
      await working;
    },
  };
}
