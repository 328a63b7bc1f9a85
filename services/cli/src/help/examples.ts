// The examples in the help of each command.
import type { Command } from 'commander';

/** By the name of the command without `cistern`. Each line is a command, and a comment after two spaces or more. */
export const examples: Readonly<Record<string, readonly string[]>> = {
  serve: [
    'cistern serve                             cache Docker Hub, Quay, GHCR and others on port 5000',
    'cistern serve config.yml                  run a registry:2 pull-through configuration as it is',
    'cistern serve --addr 127.0.0.1:5000 --data /srv/cache',
    'REGISTRY_PROXY_REMOTEURL=https://quay.io cistern serve',
  ],
  frontend: ['cistern frontend cluster.yml'],
  worker: ['cistern worker cluster.yml'],
  admin: ['cistern admin cluster.yml'],
  healthcheck: [
    'cistern healthcheck cluster.yml           test whether the node of this container is ready',
    'cistern healthcheck --url http://127.0.0.1:5001 --live',
  ],
  'check-config': [
    'cistern check-config config.yml           list all mistakes of a file',
    'cistern check-config --deep config.yml    also try its files, Redis, bucket and upstreams',
  ],
  secrets: [
    'cistern secrets /secrets cluster:10001 --password password:0 --operators operators:10001 --login http://localhost:5003',
  ],
  'client-config': [
    'cistern client-config containerd --url https://cache.example',
    'cistern client-config docker --url https://cache.example --ca /etc/ssl/cache-ca.crt',
  ],
  doctor: [
    'cistern doctor https://cache.example',
    'cistern doctor https://cache.example --client docker',
    'CISTERN_PASSWORD=secret cistern doctor https://cache.example --user ada --ca ca.crt',
  ],
  login: [
    'cistern login https://cache.example:5003',
    'cistern login https://cache.example:5003 --username ada --password-stdin < password',
    'CISTERN_URL=https://other.example cistern status    use another server for one command',
  ],
  logout: ['cistern logout', 'cistern logout https://cache.example:5003'],
  user: ['cistern user add /etc/cistern/operators ada'],
  'user add': [
    'cistern user add /etc/cistern/operators ada',
    "echo 'a password that ada knows' | cistern user add /etc/cistern/operators ada",
  ],
  'user remove': ['cistern user remove /etc/cistern/operators ada'],
  'user list': ['cistern user list /etc/cistern/operators'],
  token: ['cistern token create ci-main --pull "docker.io/library/*"'],
  'token create': [
    'cistern token create ci-main --expires 90d',
    'cistern token create ci-main --pull "docker.io/library/*" "ghcr.io/**" --config config.yml',
  ],
  'token list': ['cistern token list --config config.yml'],
  'token revoke': ['cistern token revoke ci-main --config config.yml'],
  status: [
    'cistern status                            the cache on this machine, or where you are logged in',
    'cistern status --url https://cache.example:5003',
    'cistern status --json | jq .overview.healthy',
  ],
  inflight: ['cistern inflight                          until Ctrl-C', 'cistern inflight --once'],
  jobs: ['cistern jobs'],
  budget: ['cistern budget'],
  audit: ['cistern audit', 'cistern audit --kind action --limit 500 --json'],
  images: ['cistern images nginx', 'cistern images --upstream quay.io --limit 1000'],
  inspect: ['cistern inspect nginx:1.27'],
  top: ['cistern top --limit 50'],
  pins: ['cistern pins'],
  stale: ['cistern stale'],
  scrub: ['cistern scrub'],
  evict: ['cistern evict --dry-run', 'cistern evict --dry-run --down-to 400GiB'],
  reload: ['cistern reload', 'cistern reload --json | jq .nodes'],
  offline: [
    'cistern offline                           show which upstreams are offline',
    'cistern offline on docker.io              send no requests to an upstream',
    'cistern offline reset docker.io           follow the configuration again',
  ],
  prewarm: [
    'cistern prewarm nginx:1.27 redis',
    'cistern prewarm quay.io/org/app:v1 --platform linux/amd64 linux/arm64',
  ],
  refresh: ['cistern refresh nginx:latest'],
  pin: ['cistern pin nginx:1.27'],
  unpin: ['cistern unpin nginx:1.27'],
  purge: [
    'cistern purge nginx:1.27 redis:7          the next pull fetches them again',
    'cistern purge --upstream quay.io --dry-run',
    'cistern purge --upstream quay.io --yes    without a question, for scripts',
  ],
  export: ['cistern export nginx:1.27 quay.io/org/app:v1 --output bundle.tar'],
  import: ['cistern import bundle.tar'],
  index: ['cistern index rebuild cluster.yml'],
  'index rebuild': ['cistern index rebuild cluster.yml'],
};

/** Adds the examples to all commands of a program, and to their commands. */
export function addExamples(program: Command, parent = ''): void {
  for (const command of program.commands) {
    const name = `${parent}${command.name()}`;
    const lines = examples[name]?.map((line) => `  ${line}\n`).join('') ?? '';
    if (lines !== '') command.addHelpText('after', `\nExamples:\n${lines.trimEnd()}`);
    addExamples(command, `${name} `);
  }
}
