// Builds the whole cache in one process: the registry's API, the cache and the admin API. If the process is part of a
// cluster, other nodes can follow its fills.
import { openAdminAccess } from '@cistern/admin/access';
import { buildConsole, buildLocalAdmin } from '@cistern/admin/local';
import { openShared, prepareDirectories } from '@cistern/assembly';
import type { NodeConfig } from '@cistern/config';
import { buildChallenges, buildRegistry, wireFrontend } from '@cistern/frontend';
import { observeWholeCache, openOperations, openProblems, openReporting } from '@cistern/operations';
import { openAll } from '@cistern/runtime';
import { buildNode, type CacheNode, type NodeContext } from '@cistern/runtime/process';
import { buildFillServer, checkedParts, wireWorker, workerAssembly } from '@cistern/worker';

/** Opens store and index. Rejects with StartError or CacheError if that fails. The caller calls `close`. */
export async function buildStandalone(config: NodeConfig, context: NodeContext): Promise<CacheNode> {
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

/**
 * Opens a frontend, a worker and the routes of operators. Rejects, with everything closed again, if a part cannot be
 * opened.
 */
function assemble(config: NodeConfig, context: NodeContext) {
  return openAll(async (closers) => {
    const shared = await openShared(config, context, closers);
    const { index, jobs } = shared;
    const worker = await wireWorker(config, shared, context, closers);
    const operations = openOperations(config, shared, jobs, context.log);
    const { nodes } = operations;
    const checked = checkedParts(config, shared, worker);
    const { own, problems } = openProblems(
      config,
      checked,
      { ...context, whole: { role: 'standalone', nodes } },
      closers,
    );
    openReporting(config, 'standalone', { index, problems: own, ...worker }, context, closers);
    // In a cluster the admin node has these metrics, because all processes would report the same values.
    if (config.redis === undefined) observeWholeCache(context.metrics, shared, jobs, { nodes, roles: ['standalone'] });
    return {
      ...(await wireFrontend(config, shared, { ...context, worker }, closers)),
      ...workerAssembly(worker, config, shared, context, closers),
      ...operations,
      problems,
    };
  });
}
