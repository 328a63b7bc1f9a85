// Opens the parts that all kinds of nodes need: index, store, queue, offline switch, and connections to the fills of
// other nodes.
import { randomUUID, createHash } from 'node:crypto';
import type { Config, NodeConfig } from '@cistern/config';
import { type OfflineSwitch, type PolicyOf, createFreshnessPolicies, openOfflineSwitch } from '@cistern/pull-through';
import { createPeerKeys, openPeerConnections, openRemoteFills, type RemoteFills } from '@cistern/fills';
import { adoptedUpstream } from '@cistern/upstream';
import type { NodeContext } from '@cistern/runtime/process';
import type { Closers } from '@cistern/runtime';
import { type OpenedIndexAndStore, openIndexAndStore } from './open-index-and-store.ts';
import { type OpenedQueue, openQueue } from './open-queue.ts';

export interface Shared extends OpenedIndexAndStore {
  readonly jobs: OpenedQueue;
  /** Reads fills of other nodes. Unset on a single node. */
  readonly remoteFills: RemoteFills | undefined;
  /** Id of the cache, the same on all of its nodes. */
  readonly instanceId: string;
  readonly policyOf: PolicyOf;
  readonly offline: OfflineSwitch;
  /** Returns the name of the upstream to which content belongs that a registry:2 cache has stored. */
  readonly adoptAs: () => string | undefined;
}

export async function openShared(config: NodeConfig, options: NodeContext, closers: Closers): Promise<Shared> {
  const { log, metrics, tracing } = options;
  const { opened } = closers;
  const { index, store } = await openIndexAndStore(config, { ...options, mayBeUnavailable: true }, closers);
  const countWorkers = () => index.nodes.countWorkers();
  const jobs = opened(await openQueue(config, { log, tracing, countWorkers }));
  const { cluster, worker, live } = config;
  const upstreams = live.derive((settings) => settings.upstreams);
  const policyOf = live.derive((settings) =>
    createFreshnessPolicies(
      settings.upstreams.map((one) => ({ ...one, forgetsDenied: one.rememberAccessMs !== undefined })),
    ),
  );
  const offline = opened(await openOfflineSwitch({ store, index, upstreams, log, metrics }));
  live.follow(() => offline.report());
  const shared = {
    index,
    store,
    jobs,
    offline,
    policyOf: (upstream: string, tag: string) => policyOf()(upstream, tag),
    adoptAs: () => adoptedUpstream(upstreams()),
  };
  if (cluster === undefined) return { ...shared, remoteFills: undefined, instanceId: randomUUID() };
  const remoteFills = opened(
    openRemoteFills({
      keys: createPeerKeys(cluster.secret.reveal()),
      connections: openPeerConnections(peerTlsOf(worker)),
      now: index.now,
      log,
      traceparent: tracing && (() => tracing.current()?.traceparent),
    }),
  );
  return { ...shared, remoteFills, instanceId: clusterId(cluster.secret.reveal()) };
}

/**
 * Returns the cluster's id. Nodes send it to upstreams, and recognize by it a request that came from their own cluster.
 * It does not reveal the secret.
 */
function clusterId(secret: string): string {
  return createHash('sha256').update(`cistern instance ${secret}`).digest('hex').slice(0, 32);
}

/** Returns the certificate that a node presents to a worker, and the CA certificates that the node trusts. */
export function peerTlsOf({ tls }: Pick<Config['worker'], 'tls'>) {
  const { ca, certificate, key } = tls ?? {};
  return { ca, ...(ca !== undefined && { certificate, key: key?.reveal() }) };
}
