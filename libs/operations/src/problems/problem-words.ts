// The kinds of problems: which part has them, how severe they are, what still works, and what an operator can do.
import type { Config } from '@cistern/config';
import type { Finding } from '@cistern/runtime/process';

/** All parts, in the order in which operators see them. */
export const allParts = [
  'index',
  'store',
  'workers',
  'nodes',
  'spool',
  'upstreams',
  'credentials',
  'certificates',
  'clock',
  'versions',
  'configuration',
] as const;
export type Part = (typeof allParts)[number];

type Words = Omit<Finding, 'kind' | 'reason' | 'subject' | 'node' | 'sinceMs' | 'part'> & { readonly part: Part };

export type ProblemKind = keyof ReturnType<typeof problemWords>;

const hitsOnly = 'Cached content is served. Everything else gets 503, and clients of a mirror fall back to the origin.';
const all = 'Everything works.';

/** Returns the words for the parts of this configuration. */
export function problemWords({ redis, storage }: Pick<Config, 'redis' | 'storage'>) {
  const indexPlace = redis === undefined ? 'the disk of the index' : 'Redis';
  const isDirectory = storage.kind === 'filesystem';
  const storePlace = isDirectory ? 'storage.filesystem.rootdirectory' : 'storage.s3';
  return {
    'index-unavailable': {
      part: 'index',
      severity: 'critical',
      isUnready: true,
      works: 'Frontends serve cached content from memory and the store. Nothing new is fetched.',
      mend:
        redis === undefined
          ? 'Check the disk of the index, then restart Cistern.'
          : 'Start Redis, or correct the section redis of the configuration. Cistern continues without a restart.',
    },
    'index-full': {
      part: 'index',
      severity: 'critical',
      works: hitsOnly,
      mend: redis === undefined ? `Free space on ${indexPlace}.` : 'Raise maxmemory of Redis.',
    },
    'index-unwritable': {
      part: 'index',
      severity: 'critical',
      works: hitsOnly,
      mend:
        redis === undefined
          ? 'Check the disk of the index, then restart Cistern.'
          : 'Read the log of Redis, and check its disk. Check that redis.addrs names the primary, and that the user may write.',
    },
    'index-slow': {
      part: 'index',
      severity: 'warning',
      works: 'All pulls work, but slowly.',
      mend: `Check the load of ${indexPlace}, its disk and the network.`,
    },
    'store-unavailable': {
      part: 'store',
      severity: 'critical',
      works: 'Transfers in progress and content in memory are served. Everything else gets 503.',
      mend: isDirectory ? `Check the disk of ${storePlace}.` : `Start the S3 server, or correct ${storePlace}.`,
    },
    'store-full': {
      part: 'store',
      severity: 'critical',
      works: hitsOnly,
      mend: isDirectory
        ? 'Free space, unpin images, or lower storage.minfree.'
        : 'Add space to the S3 server, or lower storage.maxbytes.',
    },
    'store-slow': {
      part: 'store',
      severity: 'warning',
      works: 'All pulls work, but slowly.',
      mend: `Check the load of ${isDirectory ? 'the disk' : 'the S3 server, its disks and the network'}.`,
    },
    'no-worker': {
      part: 'workers',
      severity: 'critical',
      works: hitsOnly,
      mend: 'Start a worker, or read the log of the last one. Cistern continues without a restart.',
    },
    'no-frontend': {
      part: 'nodes',
      severity: 'critical',
      works: 'Nothing is served. The cached content is safe.',
      mend: 'Start a frontend, or read the log of the last one.',
    },
    'node-lost': {
      part: 'nodes',
      severity: 'warning',
      works: 'The other nodes serve all pulls.',
      mend: 'Read the log of its process, and start it again.',
    },
    'spool-full': {
      part: 'spool',
      severity: 'critical',
      works: 'Cached content is served. Blobs that are not cached need another worker.',
      mend: 'Free space on the disk of worker.spool.directory, or lower worker.spool.maxbytes.',
    },
    'upstream-failing': {
      part: 'upstreams',
      severity: 'warning',
      works: 'Cached content of it is served, and its tags are served stale.',
      mend: 'Wait, or check the network, the proxy and the CA certificates of the upstream. Workers try again by themselves.',
    },
    'upstream-on-alternate': {
      part: 'upstreams',
      severity: 'warning',
      works: 'Its alternates are used.',
      mend: 'Check the registry and the network. Workers use it again as soon as it answers.',
    },
    'upstream-throttled': {
      part: 'upstreams',
      severity: 'warning',
      works: 'Cached content of it is served, and its tags are served stale.',
      mend: 'Wait, or add an account in upstreams.<name>.credentials.',
    },
    'upstream-exhausted': {
      part: 'upstreams',
      severity: 'warning',
      works: 'Cached content of it is served, and its tags are served stale.',
      mend: 'Wait until the limit resets, or add an account in upstreams.<name>.credentials.',
    },
    'upstream-mismatch': {
      part: 'upstreams',
      severity: 'warning',
      works: 'No wrong byte was stored or served. Other content is served.',
      mend: 'Check the mirror or the proxy between Cistern and the registry.',
    },
    'upstream-slow': {
      part: 'upstreams',
      severity: 'warning',
      works: 'Cached content is served without delay.',
      mend: 'Check the network to the registry, and its status page.',
    },
    'credentials-refused': {
      part: 'credentials',
      severity: 'critical',
      works: 'Cached content is served. Nothing that needs the account is fetched.',
      mend: 'Correct the account in upstreams.<name>.credentials. Files are read again without a restart.',
    },
    'certificate-expired': {
      part: 'certificates',
      severity: 'critical',
      works: 'Clients that do not check certificates.',
      mend: 'Replace the files of http.tls. They are read again without a restart.',
    },
    'certificate-expires': {
      part: 'certificates',
      severity: 'warning',
      works: all,
      mend: 'Renew the certificate, and replace the files of http.tls. They are read again without a restart.',
    },
    'certificate-unusable': {
      part: 'certificates',
      severity: 'warning',
      works: 'The previous certificate is served.',
      mend: 'Correct the files of http.tls. They are read again without a restart.',
    },
    'clock-off': {
      part: 'clock',
      severity: 'warning',
      works: 'Nodes use the clock of Redis. TLS, S3 and tokens fail if the difference grows.',
      mend: 'Synchronize the clock of the machine, for example with chrony.',
    },
    'versions-mixed': {
      part: 'versions',
      severity: 'warning',
      works: all,
      mend: 'Finish the upgrade: restart the nodes of the older version.',
    },
    'configuration-differs': {
      part: 'configuration',
      severity: 'warning',
      works: 'All nodes serve, each with its own configuration.',
      mend: 'Give all nodes the same configuration, then run cistern reload.',
    },
  } as const satisfies Readonly<Record<string, Words>>;
}
