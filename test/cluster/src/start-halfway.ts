// Brings a cluster to the state from which most failures here start. The upstream has sent exactly half of a cold blob,
// and a herd has read it and waits.
import { until } from '@cistern/single-node/until';
import { createGate, type Gate } from '@cistern/fake-upstream';
import { type Herd, type HerdPlan, startHerd } from '@cistern/herds';
import type { ClusterNode } from '@cistern/test-servers';
import type { ClusterRig } from './open-cluster-rig.ts';
import { readMetric } from './read-metric.ts';

const mebibyte = 1024 * 1024;

/**
 * The setting `upstreams` of a cluster whose fills are brought to their half: one connection for each blob. Further connections
 * would fetch bytes that the gate of the first one holds back, and a kill would lose them.
 */
export const oneConnection = { 'docker.io': { connectionsperblob: 1 } };

export interface HalfwayOptions extends Pick<HerdPlan, 'special' | 'resume'> {
  /** The seed of the blob. Each seed gives another blob. */
  readonly seed: number;
  /** Size in bytes. Default: 64 MiB. */
  readonly size?: number;
  /** Number of clients. Default: 30. */
  readonly clients?: number;
}

export interface Halfway {
  readonly digest: string;
  readonly url: string;
  readonly plan: HerdPlan;
  readonly herd: Herd;
  /** Holds the other half of the upstream's first response. All its other responses are not held. */
  readonly gate: Gate;
  readonly filling: ClusterNode;
  /** Body bytes that the upstream has sent so far, as a multiple of the blob's size. */
  sentByUpstream(): number;
}

/** `owner` ends the herd. */
export async function startHalfway(
  owner: { after(end: () => void): void },
  { upstream, cluster, urlOf }: ClusterRig,
  { seed, size = 64 * mebibyte, clients = 30, ...others }: HalfwayOptions,
): Promise<Halfway> {
  const { digest } = upstream.addBlob('library/app', { size, seed });
  const gate = createGate();
  upstream.addFault({ digest, method: 'GET', times: 1 }, { gate });
  gate.allow(size / 2);
  const url = urlOf(`library/app/blobs/${digest}`);
  const plan: HerdPlan = { url, size, seed, clients, progressBytes: mebibyte, ...others };
  const herd = startHerd(plan);
  owner.after(() => herd.close());
  await gate.blocked();
  const isHalfway = (client: number) =>
    plan.special?.[client] !== undefined ||
    herd.events.some(
      (event) => event.kind === 'progress' && event.client === client && event.received >= size / 2 - 2 * mebibyte,
    );
  await herd.until(() => Array.from({ length: clients }, (_, client) => client).every(isHalfway));
  let filling: ClusterNode | undefined;
  await until('a worker fills', async () => {
    for (const worker of cluster.workers)
      if (worker.isRunning() && (await readMetric([worker], 'cistern_fills_in_flight')) > 0) filling = worker;
    return filling !== undefined;
  });
  return { digest, url, plan, herd, gate, filling: filling!, sentByUpstream: () => upstream.bytesSent(digest) / size };
}
