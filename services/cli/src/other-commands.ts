// Adds the commands that do not run a node, in the order of the help, and the examples of the help.
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
import { addReload } from './commands/reload.ts';
import { addScrub } from './commands/scrub.ts';
import { addSecrets } from './commands/secrets.ts';
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
  addReload,
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
  addSecrets,
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
  cistern check-config config.yml        list all mistakes of a configuration
  cistern client-config containerd --url https://cache.example    print the files for containerd
  cistern doctor https://cache.example   test whether clients on this machine can pull
  cistern status                         show the health of the cache and its nodes
  cistern reload                         read the configuration again on all nodes
  cistern inflight                       show running fetches and their speed
  cistern audit                          list actions of operators and rejected clients
  cistern prewarm nginx:1.27 redis       fetch images before the first pull
  cistern pin nginx:1.27                 never evict an image
  cistern images nginx                   list cached images; see also inspect and top
  cistern purge nginx:1.27               remove an image on all nodes; the next pull fetches it again
  cistern refresh nginx:latest           confirm a tag with its upstream now
  cistern offline on docker.io           send no requests to an upstream, on all nodes
  cistern evict --dry-run                list the next evictions and their reasons
  cistern scrub                          show the last scrub report
  cistern user add /etc/cistern/operators ada   add an operator of the console (admin.htpasswd)

All nodes of a cluster read one configuration, with redis, cluster.secretfile and a shared store:
  cistern worker cluster.yml             on one or more machines that can reach the upstreams
  cistern frontend cluster.yml           on as many machines as the load needs, behind a load balancer
  cistern admin cluster.yml              once, for the console and the admin API of the whole cache
  cistern healthcheck cluster.yml        in a container, to test whether its node is ready

Copy images to a site without upstreams: export at one site, import at the other:
  cistern export nginx:1.27 quay.io/org/app:v1 --output bundle.tar
  cistern import bundle.tar
`;

export function addOtherCommands(program: Command, terminal: Terminal): void {
  for (const add of commands) add(program, terminal);
  program.addHelpText('after', examples);
}
