// The shapes of what the node routes give.
import { byteCount, count, flag, list, number, object, orNull, text, time } from './json-schema.ts';

const parts = { type: 'object', additionalProperties: text('ok, or why not.') };

export const overview = object({
  version: text(),
  healthy: flag('Whether all parts are.'),
  parts,
  cache: object({
    blobs: count('Manifests among them.'),
    bytes: byteCount(),
    maxBytes: orNull(byteCount('Null: as much as there is room for.')),
    manifests: orNull(count('Null: they are not counted apart.')),
  }),
  fills: count('In flight now.'),
  since: time('Since when the rest is counted'),
  requests: object(
    {
      total: count(),
      hits: count(),
      joined: count('That followed a fetch which had begun already.'),
      stale: count(),
      revalidated: count(),
      misses: count(),
      errors: count('Answered with 5xx.'),
    },
    'Of clients, for manifests, blobs and lists, on all nodes.',
  ),
  bytes: object({ served: byteCount('To clients.'), fetched: byteCount('From upstreams.') }),
  upstreamCalls: object({
    total: count('Apart from those for tokens.'),
    saved: count('Answers for which upstream was not asked.'),
  }),
  latencyMs: orNull(
    object({ p50: number(), p99: number() }, 'Until answers began, in the last minute; null: there were none.'),
  ),
});

export const nodeList = object({
  nodes: list(
    object({
      id: text('Of the process.'),
      name: text('The machine, and where it listens there.'),
      role: text(undefined, { enum: ['frontend', 'worker', 'admin', 'standalone'] }),
      version: text(),
      startedAt: time('When it started'),
      seenAt: time('When it last said how it is'),
      inFlight: count("Clients' requests being answered."),
      jobs: count('In hand.'),
      fills: count('In flight.'),
      rssBytes: byteCount('Bytes of memory.'),
    }),
  ),
});

export const fillList = object({
  fills: list(
    object({
      digest: text('sha256:…'),
      upstream: text(),
      repository: orNull(text('For which it was first asked for.')),
      kind: text(undefined, { enum: ['blob'] }),
      class: text('Whether a client waits for it.', { enum: ['interactive', 'background'] }),
      node: text('The name of the node that fetches it.'),
      bytes: byteCount('Bytes that are here.'),
      size: orNull(byteCount('Bytes of all of it; null: upstream has not said it yet.')),
      readers: count('Streams that read from it: one for a frontend, however many clients it serves.'),
      startedAt: time('When it began'),
      bytesPerSecond: number('Of late.'),
    }),
    'The oldest first, at most 500.',
  ),
  total: count('Of all that are in flight.'),
});

export const jobList = object({
  queues: list(
    object({
      name: text('interactive: clients wait for them; blob: fetches of blobs, short: all others.'),
      waiting: count(),
      active: count(),
      delayed: count('That are tried again, or begun, at a certain time.'),
      failed: count('Within the last hour, at most a hundred.'),
      oldestWaitingMs: orNull(number('How long the one has waited that waits longest; null: none waits.')),
    }),
  ),
  failures: list(
    object({ queue: text(), name: text('Of the job.'), reason: text(), at: time('When it failed') }),
    'The latest first, at most 20.',
  ),
});

export const budgetList = object({
  accounts: list(
    object({
      upstream: text(),
      endpoint: text('Host and port of the registry.'),
      account: orNull(text('A name of the configuration, or anonymous; null: all of them.')),
      source: orNull(text('Whose budget it is, as the upstream says: an address, or an account of its own.')),
      limit: orNull(count('Pulls in a window.')),
      remaining: orNull(count('Pulls that were left when it was told.')),
      reserve: orNull(count('Pulls that are kept for what is not cached.')),
      windowSeconds: orNull(count()),
      toldAt: time('When upstream said so'),
      resetsAt: orNull(time('When the window has ended at the latest')),
      backedOffUntil: orNull(time('Until when the upstream is left alone')),
    }),
    'Of upstreams that have told a limit, or are left alone; as the workers know it that run now.',
  ),
});
