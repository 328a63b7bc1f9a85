// The commands that come to an end, in the order in which help lists them, and examples.
import type { Command } from 'commander';
import { addAudit } from './commands/audit.ts';
import { addBudget } from './commands/budget.ts';
import { addCheckConfig } from './commands/check-config.ts';
import { addClientConfig } from './commands/client-config.ts';
import { addDoctor } from './commands/doctor.ts';
import { addEvict } from './commands/evict.ts';
import { addExport } from './commands/export.ts';
import { addHealthcheck } from './commands/healthcheck.ts';
import { addImages } from './commands/images.ts';
import { addImport } from './commands/import.ts';
import { addIndex } from './commands/index-rebuild.ts';
import { addInflight } from './commands/inflight.ts';
import { addJobs } from './commands/jobs.ts';
import { addOffline } from './commands/offline.ts';
import { addPin } from './commands/pin.ts';
import { addPrewarm } from './commands/prewarm.ts';
import { addPurge } from './commands/purge.ts';
import { addScrub } from './commands/scrub.ts';
import { addStatus } from './commands/status.ts';
import { addToken } from './commands/token.ts';
import { addUser } from './commands/user.ts';
import type { Terminal } from './terminal/terminal.ts';

const commands = [
  addCheckConfig,
  addClientConfig,
  addDoctor,
  addHealthcheck,
  addIndex,
  addStatus,
  addInflight,
  addJobs,
  addBudget,
  addAudit,
  addPrewarm,
  addImages,
  addPurge,
  addPin,
  addOffline,
  addToken,
  addUser,
  addEvict,
  addScrub,
  addExport,
  addImport,
];

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

export function addOtherCommands(program: Command, terminal: Terminal): void {
  for (const add of commands) add(program, terminal);
  program.addHelpText('after', examples);
}
