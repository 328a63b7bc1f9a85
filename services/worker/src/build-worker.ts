// The worker node. It fetches from upstreams, which no other node connects to. It runs the jobs that frontends enqueue, and
// serves its fills to other nodes.
import { assembleWorker } from './wiring/wire-worker.ts';
import type { NodeConfig } from '@cistern/config';
import { buildNode, type CacheNode, type NodeContext } from '@cistern/runtime/process';
import { prepareDirectories } from '@cistern/assembly';
import { buildFillServer } from './wiring/build-fill-server.ts';

/** Builds a worker. Rejects with StartError or CacheError if a part cannot be opened. The caller closes the node. */
export async function buildWorker(config: NodeConfig, context: NodeContext): Promise<CacheNode> {
  await prepareDirectories(config);
  const { log, metrics } = context;
  const work = await assembleWorker(config, context);
  return buildNode({ config, log, metrics, work, peers: buildFillServer(config.worker, work.answerPeer) });
}
