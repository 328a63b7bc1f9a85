// Everything in one process: the registry's API, and behind it the cache itself. In a cluster other nodes follow its fills.
import { buildConsole, buildLocalAdmin } from '@cistern/admin/local';
import { assemble } from './assemble.ts';
import { openAdminAccess } from '@cistern/admin';
import type { Config } from '@cistern/config';
import { buildChallenges, buildRegistry } from '@cistern/frontend';
import { buildNode, type CacheNode, type NodeContext } from '@cistern/runtime/process';
import { prepareDirectories } from '@cistern/assembly';
import { buildFillServer } from '@cistern/worker';

/** Opens store and index; rejects with StartError or CacheError if one cannot be. The caller ends it with `close`. */
export async function buildStandalone(config: Config, context: NodeContext): Promise<CacheNode> {
  const { log, metrics } = context;
  await prepareDirectories(config);
  const access = config.redis === undefined ? await openAdminAccess(config, undefined, log) : undefined;
  const work = await assemble(config, context);
  const clients = buildRegistry(config, work, context);
  const challenges = buildChallenges(config, work);
  const peers = buildFillServer(config.worker, work.answerPeer);
  const admin = await buildLocalAdmin(config, work, context);
  const operators = access && buildConsole(config, work, context, access);
  return buildNode({ config, log, metrics, work, clients, challenges, peers, admin, console: operators });
}
