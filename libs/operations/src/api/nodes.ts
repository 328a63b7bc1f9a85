// The answers about the running cache: its state and overview, its nodes, fills in flight, pulls that upstreams allow, and queues.
import { z } from 'zod';
import { bytes, count, type Described, time } from './values.ts';

const parts = z.record(z.string(), z.string().describe('ok, or why not.'));

export const state = z.object({ version: z.string(), healthy: z.boolean(), parts });

export const overview = z.object({
  version: z.string(),
  healthy: z.boolean().describe('Whether all parts are.'),
  parts,
  cache: z.object({
    blobs: count.describe('Manifests among them.'),
    bytes,
    maxBytes: bytes.describe('Null: as much as there is room for.').nullable(),
    manifests: count.describe('Null: they are not counted apart.').nullable(),
  }),
  fills: count.describe('In flight now.'),
  since: time('Since when the rest is counted'),
  requests: z
    .object({
      total: count,
      hits: count,
      joined: count.describe('Requests that followed a fetch which had begun already.'),
      stale: count,
      revalidated: count,
      misses: count,
      errors: count.describe('Answered with 5xx.'),
    })
    .describe('Requests of clients for manifests, blobs and lists, on all nodes.'),
  bytes: z.object({ served: bytes.describe('To clients.'), fetched: bytes.describe('From upstreams.') }),
  upstreamCalls: z.object({
    total: count.describe('Apart from those for tokens.'),
    saved: count.describe('Answers for which upstream was not asked.'),
  }),
  latencyMs: z
    .object({ p50: z.number(), p99: z.number() })
    .describe('Until answers began, in the last minute; null: there were none.')
    .nullable(),
});

const cacheNode = z.object({
  id: z.string().describe('Identifies the process.'),
  name: z.string().describe('The machine, and where it listens there.'),
  role: z.enum(['frontend', 'worker', 'admin', 'standalone']),
  version: z.string(),
  startedAt: time('When it started'),
  seenAt: time('When it last said how it is'),
  inFlight: count.describe("Clients' requests being answered."),
  jobs: count.describe('In hand.'),
  fills: count.describe('In flight.'),
  rssBytes: bytes.describe('Bytes of memory.'),
});

export const nodeList = z.object({ nodes: z.array(cacheNode) });

const fill = z.object({
  digest: z.string().describe('sha256:…'),
  upstream: z.string(),
  repository: z.string().describe('For which it was first asked for.').nullable(),
  kind: z.enum(['blob']),
  class: z.enum(['interactive', 'background']).describe('Whether a client waits for it.'),
  node: z.string().describe('The name of the node that fetches it.'),
  bytes: bytes.describe('Bytes that are here.'),
  size: bytes.describe('Bytes of all of it; null: upstream has not said it yet.').nullable(),
  readers: count.describe('Streams that read from it: one for a frontend, however many clients it serves.'),
  startedAt: time('When it began'),
  bytesPerSecond: z.number().describe('Over the last seconds.'),
  activity: z
    .object({
      segments: count.describe('Parts in which it is fetched and stored.'),
      storedSegments: count.describe('Those that are in the store already.'),
      connections: count.describe('Bodies that the upstream sends for it now.'),
      sideReads: count.describe('Reads of bytes that are not in the spool any more, or not yet.'),
    })
    .describe('null: the node is of an older release.')
    .nullable(),
});

export const fillList = z.object({
  fills: z.array(fill).describe('The oldest first, at most 500.'),
  total: count.describe('All that are in flight.'),
});

const account = z.object({
  upstream: z.string(),
  endpoint: z.string().describe('Host and port of the registry.'),
  account: z.string().describe('A name of the configuration, or anonymous; null: all of them.').nullable(),
  source: z.string().describe('Whose budget it is, as the upstream says: an address, or an account.').nullable(),
  limit: count.describe('Pulls in a window.').nullable(),
  remaining: count.describe('Pulls that were left when the upstream last reported them.').nullable(),
  reserve: count.describe('Pulls that are kept for content that is not cached.').nullable(),
  windowSeconds: count.nullable(),
  toldAt: time('When the upstream said so'),
  resetsAt: time('When the window has ended at the latest').nullable(),
  backedOffUntil: time('Until when the cache sends the upstream no requests').nullable(),
});

export const budgetList = z.object({
  accounts: z
    .array(account)
    .describe('Upstreams that reported a limit, or get no requests for now, as the running workers know it.'),
});

const queue = z.object({
  name: z.string().describe('interactive: clients wait for them; blob: fetches of blobs, short: all others.'),
  waiting: count,
  active: count,
  delayed: count.describe('Jobs that run, or run again, at a certain time.'),
  failed: count.describe('Within the last hour, at most a hundred.'),
  oldestWaitingMs: z.number().describe('How long the oldest waiting job has waited; null: none waits.').nullable(),
});

const jobFailure = z.object({
  queue: z.string(),
  name: z.string().describe('The name of the job.'),
  reason: z.string(),
  at: time('When it failed'),
});

export const jobList = z.object({
  queues: z.array(queue),
  failures: z.array(jobFailure).describe('The latest first, at most 20.'),
});

/** The data of an event `unavailable`, which replaces the event that it names. */
const unavailable = z.object({ event: z.string(), message: z.string() });

export type State = Described<typeof state>;
export type Overview = Described<typeof overview>;
/** The part that nodes and index know. */
export type CacheOverview = Omit<Overview, keyof State>;
export type CacheNode = Described<typeof cacheNode>;
export type NodeList = Described<typeof nodeList>;
export type Fill = Described<typeof fill>;
export type FillList = Described<typeof fillList>;
export type Unavailable = Described<typeof unavailable>;
export type Account = Described<typeof account>;
export type BudgetList = Described<typeof budgetList>;
export type Queue = Described<typeof queue>;
export type JobFailure = Described<typeof jobFailure>;
export type JobList = Described<typeof jobList>;
