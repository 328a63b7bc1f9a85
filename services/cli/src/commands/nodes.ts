// `cistern serve`, `frontend`, `worker` and `admin`: the processes that run until a signal ends them. Each loads its own part alone.
import type { Config } from '@cistern/config';
import type { Command } from 'commander';
import { adminBanner, registryBanner, workerBanner } from '../node/banner.ts';
import type { NodeKind } from '../node/open-node.ts';
import { type ConfigOptions, readConfig, requireCluster } from '../node/read-config.ts';
import { runNode } from '../node/run-node.ts';
import { CommandError } from '../terminal/command-error.ts';
import type { Terminal } from '../terminal/terminal.ts';

const serve: NodeKind = {
  name: 'serve',
  build: async (config, context) =>
    (await import('../standalone/build-standalone.ts')).buildStandalone(config, context),
  greet: (config, urls) => registryBanner(config, urls),
};

const frontend: NodeKind = {
  name: 'frontend',
  build: async (config, context) => (await import('@cistern/frontend')).buildFrontendNode(config, context),
  greet: (config, urls) => registryBanner(config, urls, ' frontend'),
};

const worker: NodeKind = {
  name: 'worker',
  build: async (config, context) => (await import('@cistern/worker')).buildWorker(config, context),
  greet: workerBanner,
};

const admin: NodeKind = {
  name: 'admin',
  build: async (config, context) => (await import('@cistern/admin')).buildAdmin(config, context),
  greet: adminBanner,
};

export const nodeKinds = { serve, frontend, worker, admin };

const ofCluster = 'the configuration of the cluster; default: $REGISTRY_CONFIGURATION_PATH';
const addr = ['--addr <host:port>', 'where to listen, instead of http.addr (default ":5000")'] as const;

export function addNodes(program: Command, terminal: Terminal): void {
  const run = (kind: NodeKind, check: (config: Config) => void) => async (file?: string, options?: ConfigOptions) => {
    const config = readConfig(file, terminal.env, options);
    check(config);
    await runNode(config, kind, terminal);
  };
  program
    .command('serve')
    .argument('[file]', 'the configuration; default: $REGISTRY_CONFIGURATION_PATH, else none')
    .option(...addr)
    .option('--data <directory>', 'where to keep the data, instead of storage.filesystem.rootdirectory')
    .description('Run the cache')
    .action(run(serve, () => {}));
  program
    .command('frontend')
    .argument('[file]', ofCluster)
    .option(...addr)
    .description('Run a frontend of a cluster: serves clients, needs no way to upstreams and no disk')
    .action(run(frontend, (config) => requireCluster(config, 'frontend', { secret: true })));
  program
    .command('worker')
    .argument('[file]', ofCluster)
    .description('Run a worker of a cluster: fetches from upstreams, and has frontends follow what it fetches')
    .action(run(worker, (config) => requireCluster(config, 'worker', { secret: true })));
  program
    .command('admin')
    .argument('[file]', ofCluster)
    .description('Run the admin node of a cluster: how the whole cache is, as JSON and as metrics')
    .action(run(admin, checkAdmin));
}

function checkAdmin(config: Config): void {
  requireCluster(config, 'admin', { secret: false });
  if (config.admin.address === undefined)
    throw new CommandError('admin.addr is "": say where the admin node is to listen, for example :5003.');
}
