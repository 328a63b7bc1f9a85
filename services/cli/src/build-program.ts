// The command line: one file per command, and help that teaches. A node runs for as long as it can and needs none of the other
// commands, so these are loaded when it is none that is started.
import { Command } from 'commander';
import { addAdmin } from './commands/admin.ts';
import { addFrontend } from './commands/frontend.ts';
import { addServe } from './commands/serve.ts';
import { addWorker } from './commands/worker.ts';
import type { Terminal } from './terminal/terminal.ts';
import { version } from './node/version.ts';

const examples = `
Examples:
  cistern serve                          cache Docker Hub, Quay, GHCR and others on port 5000
  cistern serve config.yml               run a registry:2 pull-through configuration as it is
  cistern serve --addr 127.0.0.1:5000 --data /srv/cache
  REGISTRY_PROXY_REMOTEURL=https://quay.io cistern serve
  cistern check-config config.yml        tell everything that is wrong with a configuration
  cistern client-config containerd --url https://cache.example    print its files
  cistern doctor https://cache.example   can clients here pull through it?
  cistern status                         how is the cache, and which nodes run?
  cistern inflight                       what is it fetching now, and how fast?
  cistern audit                          what have operators done, and who was turned away?
  cistern prewarm nginx:1.27 redis       fetch images before anybody asks for them
  cistern pin nginx:1.27                 keep an image, whatever room is needed
  cistern images nginx                   tell what is cached; inspect tells more of one, top what is pulled most
  cistern purge nginx:1.27               remove an image on all nodes; the next pull fetches it anew
  cistern refresh nginx:latest           ask upstream now what a tag names
  cistern offline on docker.io           ask an upstream for nothing, on all nodes at once
  cistern evict --dry-run                tell what would be removed from the store, and why
  cistern scrub                          tell what reading the store through has found
  cistern user add operators ada         let somebody act from the console (admin.htpasswd)

A cluster reads one configuration, with redis, cluster.secretfile and a store that all nodes share:
  cistern worker cluster.yml             on one or more machines that reach the upstreams
  cistern frontend cluster.yml           on as many as clients need, behind a load balancer
  cistern admin cluster.yml              once, to see how the whole cache is
  cistern healthcheck cluster.yml        in a container: is the node here fit to serve?

A site without upstreams is filled by a file:
  cistern export nginx:1.27 quay.io/org/app:v1 --output bundle.tar
  cistern import bundle.tar
`;

/**
 * The program that `args`, those behind its name, begin: its commands are those that may be meant there. Parsing throws a
 * `CommanderError` where Commander would end the process.
 */
export async function buildProgram(terminal: Terminal, args: readonly string[]): Promise<Command> {
  const program = new Command('cistern')
    .description('A pull-through cache for container images: pulled once from upstream, then served from here.')
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
    })
    .addHelpText('after', examples)
    .showHelpAfterError('(see cistern --help)');
  addServe(program, terminal);
  addFrontend(program, terminal);
  addWorker(program, terminal);
  addAdmin(program, terminal);
  const [first = ''] = args;
  if (program.commands.some((command) => command.name() === first)) return program;
  const { addOtherCommands } = await import('./other-commands.ts');
  addOtherCommands(program, terminal);
  return program;
}
