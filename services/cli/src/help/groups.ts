// The groups of commands in `cistern --help`, with a summary of each command in one line.

const groups: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'Run:': {
    serve: 'Run the whole cache in one process',
    frontend: 'Run a frontend of a cluster, which serves clients',
    worker: 'Run a worker of a cluster, which fetches from upstreams',
    admin: 'Run the admin node of a cluster: console, admin API, metrics',
    healthcheck: 'Test whether a node on this machine is ready',
  },
  'Set up:': {
    'check-config': 'Check a configuration; --deep tries all that it names',
    secrets: 'Create the secrets of a cluster',
    'client-config': 'Print the configuration of a client',
    doctor: 'Test whether clients on this machine can pull',
  },
  'Users and tokens:': {
    login: 'Log in as an operator of a cache on another machine',
    logout: 'Forget a login',
    user: 'Manage users with passwords: operators or clients',
    token: 'Manage tokens of machines that pull',
  },
  'Look:': {
    status: 'Show health, counters and nodes',
    inflight: 'Show running fetches and their speed',
    jobs: 'Show the queues of the workers and failed jobs',
    budget: 'Show the remaining pulls per upstream account',
    audit: 'List actions of operators and rejected clients',
    stale: 'List tags that were served stale',
    evict: 'List the next evictions (--dry-run)',
    scrub: 'Show the last scrub report',
  },
  'Change:': {
    reload: 'Read the configuration again on all nodes',
    offline: 'Switch upstreams offline or online',
  },
  'Content:': {
    images: 'List cached tags',
    inspect: 'Show the parts of an image',
    top: 'List the most pulled images',
    prewarm: 'Fetch images before the first pull',
    refresh: 'Confirm tags with their upstream now',
    purge: 'Remove images, or all of an upstream',
    pin: 'Never evict images',
    unpin: 'Allow eviction of images again',
    pins: 'List pinned images',
  },
  'Move and repair:': {
    export: 'Write images into a file',
    import: 'Add images from a file',
    index: 'Rebuild the index from the store',
  },
};

export const summaries: Readonly<Record<string, string>> = Object.assign({}, ...Object.values(groups));

/** Returns the heading of a command's group. */
export function groupOf(name: string): string {
  return Object.entries(groups).find(([, commands]) => name in commands)?.[0] ?? 'Other:';
}

export const afterHelp = `
"cistern help <command>" shows options and examples. --json prints one JSON document.
Commands under Look, Change and Content use, in this order: --url; --config or --data;
$CISTERN_URL; $REGISTRY_CONFIGURATION_PATH; the login; the cache on this machine.`;
