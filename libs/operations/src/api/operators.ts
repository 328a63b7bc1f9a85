// The answers about operators: their decisions (pins, upstreams that are online or offline), tags that were served stale, actions
// of operators, and refused requests.
import { z } from 'zod';
import { count, type Described, failure, time } from './values.ts';

export const pinList = z.object({ pins: z.array(z.string()).describe('In full, sorted.') });
export const pinAnswer = z.object({
  image: z.string().describe('The name in full.'),
  wasPinned: z.boolean().describe('Only after unpinning: false if there was nothing to undo.').optional(),
});

const upstream = z.object({
  name: z.string(),
  isOffline: z.boolean(),
  by: z.enum(['configuration', 'decision']).describe('The source of that state.'),
  health: z
    .enum(['well', 'probed', 'failing'])
    .describe('The worst that a worker sees; null: no worker reports it. failing: its circuit breaker is open.')
    .nullable(),
  calls: count.describe('Requests to it since the running workers started.').nullable(),
  errors: count
    .describe('Requests without an answer, or with one that concerns the registry or this cache, not an image.')
    .nullable(),
});

export const upstreamList = z.object({ upstreams: z.array(upstream) });
export const staleLine = z.object({
  tag: z
    .object({
      image: z.string(),
      checkedAtMs: time('When upstream last confirmed it'),
      lastPulledAtMs: time('When it was last pulled'),
    })
    .optional(),
  result: z.object({}).optional(),
  error: failure.optional(),
});

export const auditKind = z
  .enum(['action', 'refusal'])
  .describe('action: a request of an operator; refusal: a request that was refused.');

const auditEntry = z.object({
  kind: auditKind,
  at: time('When it ended'),
  event: z.enum(['asked', 'denied', 'refused', 'limited']).describe('limited: beyond a limit, or locked out.'),
  node: z.string().describe('The name of the node that was asked.'),
  user: z.string().describe('The authenticated user; null: no name is known.').nullable(),
  address: z.string().describe('Where the request came from.').nullable(),
  what: z.string().describe('Method and path.'),
  about: z.string().describe('Details of an action in JSON, or the reason of a refusal; null: none.').nullable(),
  status: count.describe('Status of the answer; null: no answer was begun.').nullable(),
});

export const auditPage = z.object({
  entries: z.array(auditEntry),
  before: count.describe('For the next page; null: that was all.').nullable(),
});

export type PinList = Described<typeof pinList>;
export type PinAnswer = Described<typeof pinAnswer>;
export type Upstream = Described<typeof upstream>;
export type UpstreamList = Described<typeof upstreamList>;
export type StaleLine = Described<typeof staleLine>;
export type AuditEntry = Described<typeof auditEntry>;
export type AuditPage = Described<typeof auditPage>;
