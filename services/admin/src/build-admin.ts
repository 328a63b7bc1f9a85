// The admin node: reports the content and health of the whole cache, and serves no pulls.
import { assembleAdmin } from './wiring/assemble-admin.ts';
import type { NodeConfig } from '@cistern/config';
import { buildNode, type CacheNode, type NodeContext } from '@cistern/runtime/process';
import { prepareDirectories } from '@cistern/assembly';
import { buildAdminServer } from './build-admin-server.ts';

/**
 * Opens the store and the index, and builds the node. Rejects with StartError or CacheError if a part cannot be opened. The
 * caller closes the node.
 */
export async function buildAdmin(
  config: NodeConfig,
  { log, metrics, version, audit, reload }: NodeContext,
): Promise<CacheNode> {
  await prepareDirectories(config);
  const work = await assembleAdmin(config, { log, metrics, version, audit, reload });
  work.observe();
  const app = buildAdminServer({ ...work, version, registry: config, log });
  const { address } = config.admin;
  const clients = address && { app, address, key: 'admin.addr' };
  return buildNode({ config, log, metrics, work, clients });
}
