// skopeo, podman and containerd, or some of them, pull through haproxy continuously. Each pulls by the name of the cache
// or with the cache as its only host, so a pull fails if the cache fails.
import { until } from '@cistern/single-node/until';
import { hostsToml, openContainerd } from '@cistern/test-clients/containerd';
import { openPodman } from '@cistern/test-clients/containers-storage';
import { openSkopeo } from '@cistern/test-clients/skopeo';
import { ensureDebianPackages } from '@cistern/test-servers';
import type { ClusterRig } from './open-cluster-rig.ts';

export interface ClientLoad {
  /** From its resolution on, clients only pull images that they have pulled before. */
  onlyWarm(): Promise<void>;
  /** Lets running pulls end. */
  stop(): Promise<{ readonly pulls: Readonly<Record<string, number>>; readonly failures: readonly string[] }>;
}

const repository = 'library/pulled';
/** The least number of images that each client pulls again. */
const warmImages = 3;

const all = ['skopeo', 'podman', 'containerd'] as const;

/** Resolves when each client has pulled an image. The caller stops the load before the cluster. */
export async function startClientLoad(
  { upstream, cluster }: ClusterRig,
  names: readonly (typeof all)[number][] = all,
): Promise<ClientLoad> {
  await ensureDebianPackages(names.includes('containerd') ? [...names, 'runc'] : names);
  const cache = cluster.url.slice('http://'.length);
  const openers = {
    skopeo: () => openSkopeo(cache, []),
    podman: () => openPodman({ cache, mirrored: [] }),
    // Without `_default` containerd would fall back to Docker Hub itself.
    containerd: () => openContainerd({ _default: `server = "${cluster.url}"\n${hostsToml(cluster.url)}` }),
  };
  const open = async (name: (typeof all)[number]) => {
    const image = name === 'containerd' ? `docker.io/${repository}` : `${cache}/docker.io/${repository}`;
    return { name, image, client: await openers[name]() };
  };
  const clients = await Promise.all(names.map(open));
  const failures: string[] = [];
  const rounds: Record<string, number> = {};
  let [stopped, isCold] = [false, true];

  const addImage = (tag: string) => {
    const layers = [300_000, 2_000_000].map((size) => ({ size, seed: `${tag} ${size}` }));
    return { ...upstream.addImage(repository, { tag, seed: tag, layers }), tag };
  };

  const loop = async ({ name, image, client }: (typeof clients)[number], began: () => void) => {
    const pulled: ReturnType<typeof addImage>[] = [];
    for (let round = 0; !stopped; round += 1) {
      const isNew = pulled.length < warmImages || (isCold && round % 2 === 0);
      const picked = isNew ? addImage(`${name}-${round}`) : pulled[round % pulled.length]!;
      // real-time: dates the report of a failure
      const startedAt = new Date().toISOString();
      try {
        const digests = await client.pull(`${image}:${picked.tag}`);
        if (!digests.includes(picked.digest))
          throw new Error(`the image is ${digests.join(', ')} instead of ${picked.digest}`);
        await client.remove(`${image}:${picked.tag}`);
        if (isNew) pulled.push(picked);
      } catch (error) {
        failures.push(`${startedAt} ${name} ${picked.tag}: ${(error as Error).message}`);
      }
      rounds[name] = (rounds[name] ?? 0) + 1;
      began();
    }
  };
  const loops: Promise<void>[] = [];
  await Promise.all(clients.map((client) => new Promise<void>((resolve) => void loops.push(loop(client, resolve)))));
  return {
    async onlyWarm() {
      isCold = false;
      const before = { ...rounds };
      const isOver = async () => clients.every(({ name }) => rounds[name]! > before[name]! + warmImages);
      await until('cold images have been pulled', isOver, 300_000);
    },
    async stop() {
      stopped = true;
      await Promise.all(loops);
      await Promise.all(clients.map(({ client }) => client.close()));
      return { pulls: rounds, failures };
    },
  };
}
