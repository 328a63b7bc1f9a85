// The admin node: what the cache as a whole holds and how it is, apart from the nodes that serve.
import { adminAuthorization, assembleAdmin } from '@cistern/assembly';
import type { Config } from '@cistern/config';
import { buildNode, prepareDirectories, startChecks, type CacheNode, type NodeContext } from '@cistern/process';
import { observeCache, observeJobs } from '@cistern/telemetry';
import { buildAdminServer } from './build-admin-server.ts';

/** Opens store and index; rejects with StartError or CacheError if one cannot be. The caller ends it with `close`. */
export async function buildAdmin(config: Config, { log, metrics, version, audit }: NodeContext): Promise<CacheNode> {
  await prepareDirectories(config);
  const work = await assembleAdmin(config, { log, metrics });
  const checks = startChecks(config.health, work);
  const parts = checks.byName;
  observeCache(metrics.registry, { totals: work.totals, parts });
  observeJobs(metrics.registry, work.queues);
  const authorization = adminAuthorization(config);
  const access = authorization === undefined ? 'nobody' : { authorization };
  const { prewarm, upkeep, decisions, images } = work;
  const app = buildAdminServer({ version, parts, prewarm, upkeep, decisions, images, audit, access });
  const clients = { app, address: config.admin.address, key: 'admin.addr' };
  return buildNode({ config, log, metrics, work, checks, clients });
}
