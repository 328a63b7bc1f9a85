// Sends thousands of requests, and compares the resources that the cluster holds before and after.
import assert from 'node:assert/strict';
import type { Owner } from '@cistern/single-node/open-stage';
import { until } from '@cistern/single-node/until';
import { heldBy, type Held, residentBytes } from './held-by-cluster.ts';
import { prepareRequests } from './many-requests.ts';
import { openClusterRig } from './open-cluster-rig.ts';
import { unexpectedErrors } from './unexpected-errors.ts';

const mebibyte = 1024 * 1024;
const seed = 300;
const releasedWithinMs = 60_000;
/** Connections that health checks keep open, or that existed before and have since ended. */
const spareSockets = 10;

/** Returns a sentence about the memory growth of each node in the second half. */
export async function assertNothingLeaks(owner: Owner, requests: number): Promise<string> {
  const { upstream, cluster, nodes } = await openClusterRig(owner);
  const { frontends, workers, s3 } = cluster;
  const { send } = prepareRequests(upstream, cluster, seed, requests / 5);

  /** Returns the held resources, without idle connections that wait for the next request. */
  async function settled(): Promise<Held> {
    // The response to the start of an upload must not be lost with the server. Otherwise no node owns that upload until
    // the hourly sweep.
    await until('nothing is in flight', async () => (await heldBy(cluster)).inFlight === 0, releasedWithinMs);
    await upstream.refuseConnections();
    await upstream.acceptConnections();
    if (s3.controllable) {
      await s3.stop();
      await s3.start();
    }
    await until(
      'all nodes are ready',
      async () => (await Promise.all(nodes.map(isReady))).every(Boolean),
      releasedWithinMs,
    );
    return heldBy(cluster);
  }

  // Connections and files that are opened once and kept are open from here on.
  await send(requests / 20);
  let before = await settled();
  await until(
    'quiet',
    async () => {
      before = await heldBy(cluster);
      return before.inFlight === 0 && before.keys.every((key) => !isPassing(key));
    },
    releasedWithinMs,
  ).catch((error: unknown) => {
    throw new Error(
      `still held: ${before.inFlight} in flight, ${before.keys.filter(isPassing).slice(0, 20).join(', ')}`,
      { cause: error },
    );
  });

  await send(requests / 2);
  const halfway = await residentBytes(nodes);
  await send(requests / 2);
  const grown = [...(await residentBytes(nodes))].map(
    ([name, bytes]) => [name, Math.round((bytes - halfway.get(name)!) / mebibyte)] as const,
  );

  let held = await settled();
  const excess = () => [
    ...held.spooled,
    ...held.uploads,
    ...held.files.filter((file) => !before.files.includes(file)),
    ...held.keys.filter((key) => !before.keys.includes(key)),
    ...Object.entries(held.sockets).flatMap(([name, count]) => {
      const spare = count - (before.sockets[name] ?? 0);
      return spare > spareSockets ? [`${name}: ${spare} sockets`] : [];
    }),
    ...(held.inFlight > 0 ? [`${held.inFlight} in flight`] : []),
  ];
  await until(
    'everything is released',
    async () => {
      held = await heldBy(cluster);
      return excess().length === 0;
    },
    releasedWithinMs,
  ).catch((error: unknown) => {
    throw new Error(`still held: ${excess().slice(0, 20).join(', ')}`, { cause: error });
  });
  for (const [name, mebibytes] of grown) assert.ok(mebibytes < 96, `${name} grew by ${mebibytes} MiB`);
  for (const node of [...frontends, ...workers]) assert.ok(node.isRunning(), node.name);
  // Broken bodies are logged as errors of their requests.
  const errors = unexpectedErrors(nodes).filter((line) => !/ request: /.test(line));
  assert.deepEqual(errors, []);
  return `${upstream.count()} requests to the upstream; memory in the second half, in MiB: ${grown.map((pair) => pair.join(' ')).join(', ')}`;
}

async function isReady({ metricsUrl }: { readonly metricsUrl: string }): Promise<boolean> {
  return (await fetch(`${metricsUrl}/readyz`)).status === 200;
}

/** Whether the key belongs to a job or its outcome, a fill or a lease. */
function isPassing(key: string): boolean {
  return /:(?:fill|lease):|:de:|[0-9a-f]{8}-[0-9a-f]{4}-/.test(key);
}
