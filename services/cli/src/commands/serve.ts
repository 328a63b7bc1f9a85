// `cistern serve`: the cache in one process, until it is told to stop.
import type { Command } from 'commander';
import { registryBanner } from '../node/banner.ts';
import { fail } from '../terminal/fail.ts';
import type { NodeKind } from '../node/open-node.ts';
import { readConfig, type ConfigOptions } from '../node/read-config.ts';
import { runNode } from '../node/run-node.ts';
import type { Terminal } from '../terminal/terminal.ts';

export const standalone: NodeKind = {
  name: 'serve',
  async build(config, context) {
    const { buildStandalone } = await import('../standalone/build-standalone.ts');
    return buildStandalone(config, context);
  },
  greet: (config, urls) => registryBanner(config, urls),
};

export function addServe(program: Command, terminal: Terminal): void {
  program
    .command('serve')
    .argument('[file]', 'the configuration; default: $REGISTRY_CONFIGURATION_PATH, else none')
    .option('--addr <host:port>', 'where to listen, instead of http.addr (default ":5000")')
    .option('--data <directory>', 'where to keep the data, instead of storage.filesystem.rootdirectory')
    .description('Run the cache')
    .action((file: string | undefined, options: ConfigOptions) =>
      serve(file, options, terminal).catch((error: unknown) => fail(terminal, error)),
    );
}

async function serve(file: string | undefined, options: ConfigOptions, terminal: Terminal): Promise<void> {
  await runNode(readConfig(file, terminal.env, options), standalone, terminal);
}
