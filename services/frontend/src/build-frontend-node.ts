// The frontend node: it serves clients from the store and from the fills of workers, and talks to no upstream.
import { assembleFrontend } from './wiring/wire-frontend.ts';
import type { Config } from '@cistern/config';
import { buildNode, type CacheNode, type NodeContext } from '@cistern/runtime/process';
import { prepareDirectories } from '@cistern/assembly';
import { buildChallenges, buildRegistry } from './build-listeners.ts';

/** Rejects with StartError or CacheError if a part cannot be opened. The caller ends it with `close`. */
export async function buildFrontendNode(config: Config, context: NodeContext): Promise<CacheNode> {
  const { log, metrics } = context;
  await prepareDirectories(config);
  const work = await assembleFrontend(config, context);
  const clients = buildRegistry(config, work, context);
  return buildNode({ config, log, metrics, work, clients, challenges: buildChallenges(config, work) });
}
