// `cistern admin`: what a cluster's cache holds and how it is.
import type { Command } from 'commander';
import { adminBanner } from '../node/banner.ts';
import { CommandError } from '../terminal/command-error.ts';
import { fail } from '../terminal/fail.ts';
import type { NodeKind } from '../node/open-node.ts';
import { readConfig } from '../node/read-config.ts';
import { requireCluster } from '../node/require-cluster.ts';
import { runNode } from '../node/run-node.ts';
import type { Terminal } from '../terminal/terminal.ts';

export const admin: NodeKind = {
  name: 'admin',
  async build(config, context) {
    const { buildAdmin } = await import('@cistern/admin');
    return buildAdmin(config, context);
  },
  greet: adminBanner,
};

export function addAdmin(program: Command, terminal: Terminal): void {
  program
    .command('admin')
    .argument('[file]', 'the configuration of the cluster; default: $REGISTRY_CONFIGURATION_PATH')
    .description('Run the admin node of a cluster: how the whole cache is, as JSON and as metrics')
    .action((file: string | undefined) => runAdmin(file, terminal).catch((error: unknown) => fail(terminal, error)));
}

async function runAdmin(file: string | undefined, terminal: Terminal): Promise<void> {
  const config = readConfig(file, terminal.env);
  requireCluster(config, 'admin', { secret: false });
  if (config.admin.address === undefined)
    throw new CommandError('admin.addr is "": say where the admin node is to listen, for example :5003.');
  await runNode(config, admin, terminal);
}
