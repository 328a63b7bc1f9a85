// The shapes of the running cache: its state and overview, its nodes, and the fills in flight.
import { z } from 'zod';
import { bytes, count, time } from './values.ts';

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
});

export const fillList = z.object({
  fills: z.array(fill).describe('The oldest first, at most 500.'),
  total: count.describe('All that are in flight.'),
});

/** The data of an event `unavailable`, which replaces the event that it names. */
const unavailable = z.object({ event: z.string(), message: z.string() });

export type State = z.infer<typeof state>;
export type Overview = z.infer<typeof overview>;
export type CacheNode = z.infer<typeof cacheNode>;
export type NodeList = z.infer<typeof nodeList>;
export type Fill = z.infer<typeof fill>;
export type FillList = z.infer<typeof fillList>;
export type Unavailable = z.infer<typeof unavailable>;
