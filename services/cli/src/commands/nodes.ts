// `cistern serve`, `frontend`, `worker` and `admin` run a node until a signal ends the node. Each command loads only
// the code of its node.
import type { Config } from '@cistern/config';
import type { Command } from 'commander';
import { adminBanner, registryBanner, workerBanner } from '../node/banner.ts';
import type { NodeKind } from '../node/open-node.ts';
import { type ConfigOptions, readConfig, readConfigAgain, requireCluster } from '../node/read-config.ts';
import { runNode } from '../node/run-node.ts';
import { CommandError } from '../terminal/command-error.ts';
import type { Terminal } from '../terminal/terminal.ts';

interface NodeCommand extends NodeKind {
  readonly description: string;
  readonly options: readonly (readonly [flags: string, description: string])[];
  /** Throws if the configuration lacks a setting that this kind of node needs. */
  check(config: Config): void;
}

const addr = ['--addr <host:port>', 'address to listen on, instead of http.addr (default ":5000")'] as const;
const data = ['--data <directory>', 'data directory, instead of storage.filesystem.rootdirectory'] as const;

export const nodeKinds = {
  serve: {
    name: 'serve',
    description: 'Run the whole cache in one process',
    options: [addr, data],
    check() {},
    build: async (config, context) =>
      (await import('../standalone/build-standalone.ts')).buildStandalone(config, context),
    greet: (config, urls) => registryBanner(config, urls),
  },
  frontend: {
    name: 'frontend',
    description: 'Run a frontend of a cluster. It serves clients, and needs neither a disk nor access to upstreams',
    options: [addr],
    check: (config) => requireCluster(config, 'frontend', { secret: true }),
    build: async (config, context) => (await import('@cistern/frontend')).buildFrontendNode(config, context),
    greet: (config, urls) => registryBanner(config, urls, ' frontend'),
  },
  worker: {
    name: 'worker',
    description: 'Run a worker of a cluster. It fetches from upstreams and streams its fetches to frontends',
    options: [],
    check: (config) => requireCluster(config, 'worker', { secret: true }),
    build: async (config, context) => (await import('@cistern/worker')).buildWorker(config, context),
    greet: workerBanner,
  },
  admin: {
    name: 'admin',
    description: 'Run the admin node of a cluster. It serves the console, the admin API and metrics of the whole cache',
    options: [],
    check(config) {
      requireCluster(config, 'admin', { secret: false });
      if (config.admin.address === undefined)
        throw new CommandError(
          'admin.addr is "", so the admin node has no address to listen on. Set it, for example to :5003.',
        );
    },
    build: async (config, context) => (await import('@cistern/admin')).buildAdmin(config, context),
    greet: adminBanner,
  },
} satisfies Record<string, NodeCommand>;

export function addNodes(program: Command, terminal: Terminal): void {
  for (const kind of Object.values<NodeCommand>(nodeKinds)) {
    const file = kind.name === 'serve' ? 'configuration file' : 'configuration file of the cluster';
    const none = kind.name === 'serve' ? ', else none' : '';
    const command = program
      .command(kind.name)
      .argument('[file]', `${file}; default: $REGISTRY_CONFIGURATION_PATH${none}`)
      .description(kind.description)
      .action(async (path: string | undefined, options: ConfigOptions) => {
        const config = readConfig(path, terminal.env, options);
        kind.check(config);
        const read = () => {
          const again = readConfigAgain(path, terminal.env, options);
          kind.check(again);
          return again;
        };
        await runNode({ config, read }, kind, terminal);
      });
    for (const [flags, description] of kind.options) command.option(flags, description);
  }
}
