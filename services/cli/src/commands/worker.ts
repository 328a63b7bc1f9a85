// `cistern worker`: the node of a cluster that fetches from upstreams.
import type { Command } from 'commander';
import { workerBanner } from '../node/banner.ts';
import { fail } from '../terminal/fail.ts';
import type { NodeKind } from '../node/open-node.ts';
import { readConfig } from '../node/read-config.ts';
import { requireCluster } from '../node/require-cluster.ts';
import { runNode } from '../node/run-node.ts';
import type { Terminal } from '../terminal/terminal.ts';

export const worker: NodeKind = {
  name: 'worker',
  async build(config, context) {
    const { buildWorker } = await import('@cistern/worker');
    return buildWorker(config, context);
  },
  greet: workerBanner,
};

export function addWorker(program: Command, terminal: Terminal): void {
  program
    .command('worker')
    .argument('[file]', 'the configuration of the cluster; default: $REGISTRY_CONFIGURATION_PATH')
    .description('Run a worker of a cluster: fetches from upstreams, and has frontends follow what it fetches')
    .action((file: string | undefined) => runWorker(file, terminal).catch((error: unknown) => fail(terminal, error)));
}

async function runWorker(file: string | undefined, terminal: Terminal): Promise<void> {
  const config = readConfig(file, terminal.env);
  requireCluster(config, 'worker', { secret: true });
  await runNode(config, worker, terminal);
}
