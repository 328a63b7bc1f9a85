// The responses about the running cache: its state and overview, nodes, fills in flight, pull budgets and queues.
import { z } from 'zod';
import { bytes, count, type Described, time } from './values.ts';

const partsOf = (failure: string) =>
  z
    .record(z.string(), z.string().describe(`ok, or ${failure}.`))
    .describe('The parts of the cache. A part with a warning only is ok.');
const healthy = z.boolean().describe('Whether no problem is critical.');

const problem = z.object({
  kind: z.string().describe('The stable name of this kind of problem, such as index-full.'),
  part: z.string().describe('The part of the cache that has the problem.'),
  subject: z.string().describe('Which one, such as an upstream; null if there is only one.').nullable(),
  severity: z
    .enum(['critical', 'warning'])
    .describe('critical: pulls fail, or will fail soon. warning: pulls are served, but an operator should act.'),
  since: time('When it began'),
  reason: z.string(),
  works: z.string().describe('What still works.'),
  mend: z.string().describe('The action for an operator.'),
  node: z.string().describe('The name of the node that has it; null if it is not of one node.').nullable(),
});

export const state = z.object({
  version: z.string(),
  healthy,
  parts: partsOf('the kind of its critical problem, such as index-full'),
});

export const overview = z.object({
  version: z.string(),
  healthy,
  parts: partsOf('the reason of the failure'),
  problems: z.array(problem).describe('The critical problems first, and then the oldest first.'),
  view: z
    .object({
      asOf: time('When the nodes were last read').nullable(),
      isCurrent: z
        .boolean()
        .describe('False while the index is unavailable. Then nodes and counters are those of asOf.'),
    })
    .describe('How current the view of the nodes is.'),
  cache: z.object({
    blobs: count.describe('Blobs, manifests included.'),
    bytes,
    maxBytes: bytes.describe('Null for no limit but the free space.').nullable(),
    manifests: count.describe('Null if manifests are not counted separately.').nullable(),
  }),
  fills: count.describe('Fills in flight now.'),
  since: time('When the following counters started'),
  requests: z
    .object({
      total: count,
      hits: count,
      joined: count.describe('Requests that followed a fetch in flight.'),
      stale: count,
      revalidated: count,
      misses: count,
      errors: count.describe('Requests that ended with status 5xx.'),
    })
    .describe('Requests of clients for manifests, blobs and lists, on all nodes.'),
  bytes: z.object({
    served: bytes.describe('Bytes sent to clients.'),
    fetched: bytes.describe('Bytes received from upstreams.'),
  }),
  upstreamCalls: z.object({
    total: count.describe('Requests to upstreams, without token requests.'),
    saved: count.describe('Requests of clients that needed no upstream request.'),
  }),
  latencyMs: z
    .object({ p50: z.number(), p99: z.number() })
    .describe('Time to first byte in the last minute; null if there were no requests.')
    .nullable(),
});

const quantile = z.number().describe('Time to first byte in milliseconds; null if there were no requests.').nullable();

const historyPoint = z.object({
  at: time('The start of the point'),
  requests: count,
  hits: count,
  joined: count,
  stale: count,
  revalidated: count,
  misses: count,
  errors: count.describe('Requests that ended with status 5xx.'),
  bytesServed: bytes.describe('Bytes sent to clients.'),
  bytesFetched: bytes.describe('Bytes received from upstreams.'),
  upstreamCalls: count,
  p50: quantile,
  p99: quantile,
});

export const historyRange = z.enum(['24h', '30d']).describe('24h: points of five minutes. 30d: points of an hour.');

export const history = z.object({
  range: historyRange,
  asOf: time('The time of the response'),
  bucketMs: count.describe('The length of a point in milliseconds. The last point is not complete.'),
  points: z.array(historyPoint).describe('The oldest first, from the first point with counts.'),
});

const role = z.enum(['frontend', 'worker', 'admin', 'standalone']);
const needsRestart = z
  .array(z.string())
  .describe('Keys of settings that have changed in the file of the node, and need a restart.');

const roundTrip = z
  .object({
    kind: z.string().describe('Such as Redis, SQLite, S3 or Directory.'),
    ms: z.number().describe('The duration of recent calls in milliseconds; null if none was measured.').nullable(),
  })
  .describe('Null if the node is of an older release.')
  .nullable();

const cacheNode = z.object({
  id: z.string().describe('Identifies the process.'),
  name: z.string().describe('The host name, and the port or path that the node listens on.'),
  role,
  version: z.string(),
  startedAt: time('When it started'),
  seenAt: time('When it sent its last report, or when it stopped'),
  state: z
    .enum(['running', 'stopped', 'lost'])
    .describe('stopped: it ended in order within the last hour. lost: it sent no report for twelve seconds.'),
  inFlight: count.describe("Clients' requests in flight."),
  jobs: count.describe('Running jobs.'),
  fills: count.describe('Fills in flight.'),
  rssBytes: bytes.describe('Resident memory in bytes.'),
  cpu: z.number().describe('Processors in use: 1 is one whole processor; null if unknown.').nullable(),
  requestsPerSecond: z.number().describe("Clients' requests per second; null if unknown.").nullable(),
  bytesPerSecond: bytes
    .describe('Bytes per second sent to clients, or for a worker received from upstreams; null if unknown.')
    .nullable(),
  index: roundTrip,
  store: roundTrip,
  configuration: z
    .object({
      differs: z
        .boolean()
        .describe('Whether settings that must be equal on all nodes differ from those of most other nodes.'),
      needsRestart,
    })
    .describe('Null if the node has ended, or is of an older release.')
    .nullable(),
});

export const nodeList = z.object({
  nodes: z.array(cacheNode).describe('The running nodes first, then those that ended within the last hour.'),
});

export const reloadAnswer = z.object({
  nodes: z.array(
    z.object({
      name: z.string(),
      role,
      result: z
        .enum(['applied', 'unchanged', 'rejected', 'no answer'])
        .describe('unchanged: no setting changed that a reload applies. rejected: the node keeps its configuration.'),
      reason: z.string().describe('Why the configuration was rejected; null otherwise.').nullable(),
      needsRestart,
    }),
  ),
});

const fill = z.object({
  digest: z.string().describe('sha256:…'),
  upstream: z.string(),
  repository: z.string().describe('The repository of the first request for it.').nullable(),
  kind: z.enum(['blob']),
  class: z.enum(['interactive', 'background']).describe('Whether a client waits for it.'),
  node: z.string().describe('The name of the node that fetches it.'),
  bytes: bytes.describe('Bytes that have arrived.'),
  size: bytes.describe('Bytes of the whole blob; null until the upstream sends its size.').nullable(),
  readers: count.describe('Streams that read from it. A frontend has one stream for all its clients.'),
  startedAt: time('When it began'),
  bytesPerSecond: z.number().describe('The average of the last seconds.'),
  activity: z
    .object({
      segments: count.describe('Segments in which it is fetched and stored.'),
      storedSegments: count.describe('Segments that are in the store.'),
      connections: count.describe('Open connections to the upstream for it.'),
      sideReads: count.describe('Side reads: ranged reads of bytes that are not in the spool.'),
    })
    .describe('Null if the node is of an older release.')
    .nullable(),
});

export const fillList = z.object({
  fills: z.array(fill).describe('The oldest first, at most 500.'),
  total: count.describe('All fills in flight.'),
});

const account = z.object({
  upstream: z.string(),
  endpoint: z.string().describe('Host and port of the registry.'),
  account: z
    .string()
    .describe('The account name in the configuration, or anonymous; null for all accounts.')
    .nullable(),
  source: z.string().describe('The address or account that the upstream counts pulls for, as it reports.').nullable(),
  limit: count.describe('Pulls allowed in a rate-limit period.').nullable(),
  remaining: count.describe('Pulls that were left when the upstream last reported them.').nullable(),
  reserve: count.describe('Pulls that are kept for content that is not cached.').nullable(),
  windowSeconds: count.nullable(),
  reportedAt: time('When the upstream reported it'),
  resetsAt: time('The latest possible end of the rate-limit period').nullable(),
  backedOffUntil: time('When the cache stops backing off').nullable(),
});

export const budgetList = z.object({
  accounts: z
    .array(account)
    .describe('Accounts with a reported limit or in back-off, as the running workers know them.'),
});

const queue = z.object({
  name: z.string().describe('interactive: jobs that clients wait for. blob: fetches of blobs. short: all other jobs.'),
  waiting: count,
  active: count,
  delayed: count.describe('Jobs that are scheduled, or retried, at a later time.'),
  failed: count.describe(
    'Failed jobs of the last hour, at most a hundred. A job is not failed if its content does not exist upstream.',
  ),
  oldestWaitingMs: z.number().describe('How long the oldest waiting job has waited; null if no job waits.').nullable(),
});

const jobFailure = z.object({
  queue: z.string(),
  name: z.string().describe('The name of the job.'),
  reason: z.string(),
  count: count.describe('How many jobs of this name failed for this reason.'),
  at: time('When the last of them failed'),
});

export const jobList = z.object({
  queues: z.array(queue),
  failures: z.array(jobFailure).describe('Equal failures are one entry. The latest first, at most 20.'),
});

/** The data of an event `unavailable`, which is sent instead of the event named in `event`. */
const unavailable = z.object({ event: z.string(), message: z.string() });

export type State = Described<typeof state>;
export type Overview = Described<typeof overview>;
/** The part of the overview that comes from the nodes and the index. */
export type CacheOverview = Omit<Overview, keyof State | 'problems'>;
export type ShownProblem = Overview['problems'][number];
export type History = Described<typeof history>;
export type HistoryPoint = Described<typeof historyPoint>;
export type CacheNode = Described<typeof cacheNode>;
export type NodeList = Described<typeof nodeList>;
export type ReloadAnswer = Described<typeof reloadAnswer>;
export type Fill = Described<typeof fill>;
export type FillList = Described<typeof fillList>;
export type Unavailable = Described<typeof unavailable>;
export type Account = Described<typeof account>;
export type BudgetList = Described<typeof budgetList>;
export type Queue = Described<typeof queue>;
export type JobFailure = Described<typeof jobFailure>;
export type JobList = Described<typeof jobList>;
