// `cistern frontend`: the node of a cluster that clients pull from.
import type { Command } from 'commander';
import { registryBanner } from '../node/banner.ts';
import { fail } from '../terminal/fail.ts';
import type { NodeKind } from '../node/open-node.ts';
import { readConfig } from '../node/read-config.ts';
import { requireCluster } from '../node/require-cluster.ts';
import { runNode } from '../node/run-node.ts';
import type { Terminal } from '../terminal/terminal.ts';

export const frontend: NodeKind = {
  name: 'frontend',
  async build(config, context) {
    const { buildFrontendNode } = await import('@cistern/frontend');
    return buildFrontendNode(config, context);
  },
  greet: (config, urls) => registryBanner(config, urls, ' frontend'),
};

export function addFrontend(program: Command, terminal: Terminal): void {
  program
    .command('frontend')
    .argument('[file]', 'the configuration of the cluster; default: $REGISTRY_CONFIGURATION_PATH')
    .option('--addr <host:port>', 'where to listen, instead of http.addr (default ":5000")')
    .description('Run a frontend of a cluster: serves clients, needs no way to upstreams and no disk')
    .action((file: string | undefined, options: { readonly addr?: string }) =>
      runFrontend(file, options, terminal).catch((error: unknown) => fail(terminal, error)),
    );
}

async function runFrontend(file: string | undefined, options: { readonly addr?: string }, terminal: Terminal) {
  const config = readConfig(file, terminal.env, options);
  requireCluster(config, 'frontend', { secret: true });
  await runNode(config, frontend, terminal);
}
