// `cistern serve`, `frontend`, `worker` and `admin`: the processes that run until a signal ends them. Each loads its own part
// alone.
import type { Config } from '@cistern/config';
import type { Command } from 'commander';
import { adminBanner, registryBanner, workerBanner } from '../node/banner.ts';
import type { NodeKind } from '../node/open-node.ts';
import { type ConfigOptions, readConfig, requireCluster } from '../node/read-config.ts';
import { runNode } from '../node/run-node.ts';
import { CommandError } from '../terminal/command-error.ts';
import type { Terminal } from '../terminal/terminal.ts';

interface NodeCommand extends NodeKind {
  readonly description: string;
  readonly options: readonly (readonly [flags: string, description: string])[];
  /** Throws where the configuration is not that of such a node. */
  check(config: Config): void;
}

const addr = ['--addr <host:port>', 'where to listen, instead of http.addr (default ":5000")'] as const;
const data = ['--data <directory>', 'where to keep the data, instead of storage.filesystem.rootdirectory'] as const;

export const nodeKinds = {
  serve: {
    name: 'serve',
    description: 'Run the cache',
    options: [addr, data],
    check() {},
    build: async (config, context) =>
      (await import('../standalone/build-standalone.ts')).buildStandalone(config, context),
    greet: (config, urls) => registryBanner(config, urls),
  },
  frontend: {
    name: 'frontend',
    description: 'Run a frontend of a cluster: serves clients, needs no way to upstreams and no disk',
    options: [addr],
    check: (config) => requireCluster(config, 'frontend', { secret: true }),
    build: async (config, context) => (await import('@cistern/frontend')).buildFrontendNode(config, context),
    greet: (config, urls) => registryBanner(config, urls, ' frontend'),
  },
  worker: {
    name: 'worker',
    description: 'Run a worker of a cluster: fetches from upstreams, and has frontends follow what it fetches',
    options: [],
    check: (config) => requireCluster(config, 'worker', { secret: true }),
    build: async (config, context) => (await import('@cistern/worker')).buildWorker(config, context),
    greet: workerBanner,
  },
  admin: {
    name: 'admin',
    description: 'Run the admin node of a cluster: how the whole cache is, as JSON and as metrics',
    options: [],
    check(config) {
      requireCluster(config, 'admin', { secret: false });
      if (config.admin.address === undefined)
        throw new CommandError('admin.addr is "": say where the admin node is to listen, for example :5003.');
    },
    build: async (config, context) => (await import('@cistern/admin')).buildAdmin(config, context),
    greet: adminBanner,
  },
} satisfies Record<string, NodeCommand>;

export function addNodes(program: Command, terminal: Terminal): void {
  for (const kind of Object.values<NodeCommand>(nodeKinds)) {
    const file = kind.name === 'serve' ? 'the configuration' : 'the configuration of the cluster';
    const none = kind.name === 'serve' ? ', else none' : '';
    const command = program
      .command(kind.name)
      .argument('[file]', `${file}; default: $REGISTRY_CONFIGURATION_PATH${none}`)
      .description(kind.description)
      .action(async (path: string | undefined, options: ConfigOptions) => {
        const config = readConfig(path, terminal.env, options);
        kind.check(config);
        await runNode(config, kind, terminal);
      });
    for (const [flags, description] of kind.options) command.option(flags, description);
  }
}
