// The worker node: it alone talks to upstreams. It does the jobs that frontends ask for, and lets them follow its fills.
import { assembleWorker } from './wiring/wire-worker.ts';
import type { Config } from '@cistern/config';
import { buildNode, type CacheNode, type NodeContext } from '@cistern/runtime/process';
import { prepareDirectories } from '@cistern/assembly';
import { buildFillServer } from './wiring/build-fill-server.ts';

/** Begins to work; rejects with StartError or CacheError if a part cannot be opened. The caller ends it with `close`. */
export async function buildWorker(config: Config, context: NodeContext): Promise<CacheNode> {
  await prepareDirectories(config);
  const { log, metrics } = context;
  const work = await assembleWorker(config, context);
  return buildNode({ config, log, metrics, work, peers: buildFillServer(config.worker, work.answerPeer) });
}
