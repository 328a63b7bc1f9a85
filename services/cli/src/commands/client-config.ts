// `cistern client-config` prints the configuration files that a client needs to pull through this cache.
import { hostname } from 'node:os';
import { clientSetups, describeClientSetups, parseCacheAddress } from '@cistern/client-config';
import type { Config } from '@cistern/config';
import { Argument, type Command } from 'commander';
import { explain } from '../terminal/command-error.ts';
import { readConfig } from '../node/read-config.ts';
import { addJson, type JsonOptions, printAnswer } from '../terminal/print-answer.ts';
import type { Terminal } from '../terminal/terminal.ts';

interface ClientConfigOptions extends JsonOptions {
  readonly config?: string;
  readonly url?: string;
  readonly ca?: string;
}

export function addClientConfig(program: Command, terminal: Terminal): void {
  addJson(program.command('client-config'))
    .addArgument(new Argument('<client>', 'client to configure').choices(Object.keys(clientSetups)))
    .description('Print the configuration files that a client needs to pull through this cache')
    .option(
      '--url <url>',
      'URL of the cache for clients; default: this machine, with scheme and port of the configuration',
    )
    .option('--ca <file>', "path of the CA certificate on the clients; default: the clients' own trust store")
    .option('--config <file>', 'configuration file of the cache; default: $REGISTRY_CONFIGURATION_PATH, else none')
    .action((client: string, options: ClientConfigOptions) => printSetup(client, options, terminal));
}

async function printSetup(client: string, options: ClientConfigOptions, terminal: Terminal): Promise<void> {
  const { config: path, url, ca } = options;
  const config = readConfig(path, terminal.env);
  const address = await explain(() => parseCacheAddress(url ?? usualUrl(config), ca));
  const clients = describeClientSetups(address, config.upstreams);
  const { steps } = clients.find(({ name }) => name === client) ?? { steps: [] };
  printAnswer(terminal, options, { client, url: address.url, steps }, () =>
    steps
      .map(({ path: file, content, note }) => `# ${note}\n${file === undefined ? '' : `# ${file}\n`}${content}\n\n`)
      .join(''),
  );
}

function usualUrl({ http: { address, tls } }: Config): string {
  const scheme = tls === undefined ? 'http' : 'https';
  const port = address.kind === 'tcp' ? `:${address.port}` : '';
  return `${scheme}://${hostname()}${port}`;
}
