// The responses about operators: their decisions (pins, upstreams that are online or offline), tags that were served stale, actions
// of operators, and rejected requests.
import { z } from 'zod';
import { count, type Described, failure, time } from './values.ts';

export const me = z.object({
  operator: z.string().describe('The name of the operator; null for a caller without a name.').nullable(),
  mayAct: z.boolean().describe('Whether the caller can change something.'),
  reason: z.string().describe('Why it cannot, and how to allow it; null if it can.').nullable(),
});

export const pinList = z.object({ pins: z.array(z.string()).describe('Full names, sorted.') });
export const pinAnswer = z.object({
  image: z.string().describe('The full name.'),
  wasPinned: z.boolean().describe('Only after unpinning: false if the image was not pinned.').optional(),
});

const upstream = z.object({
  name: z.string(),
  isOffline: z.boolean(),
  by: z.enum(['configuration', 'decision']).describe('The source of that state.'),
  health: z
    .enum(['well', 'probed', 'failing'])
    .describe(
      'The worst state that a worker reports; null if no worker reports it. failing: its circuit breaker is open. probed: half-open.',
    )
    .nullable(),
  calls: count.describe('Requests to the upstream since the running workers started.').nullable(),
  errors: count
    .describe('Requests without a response, or with an error that concerns the registry or this cache, not an image.')
    .nullable(),
});

export const upstreamList = z.object({ upstreams: z.array(upstream) });
export const staleLine = z.object({
  tag: z
    .object({
      image: z.string(),
      checkedAtMs: time('When the upstream last confirmed it'),
      lastPulledAtMs: time('When it was last pulled'),
    })
    .optional(),
  result: z.object({}).optional(),
  error: failure.optional(),
});

export const auditKind = z
  .enum(['action', 'refusal'])
  .describe('action: a request of an operator. refusal: a rejected request.');

const auditEntry = z.object({
  kind: auditKind,
  at: time('When it ended'),
  event: z.enum(['asked', 'denied', 'refused', 'limited']).describe('limited: rate-limited or locked out.'),
  node: z.string().describe('The name of the node that got the request.'),
  user: z.string().describe('The authenticated user; null if the name is unknown.').nullable(),
  address: z.string().describe('The address of the client.').nullable(),
  what: z.string().describe('Method and path.'),
  about: z
    .string()
    .describe('Details of an action in JSON, or the reason of a refusal; null without details.')
    .nullable(),
  status: count.describe('The status of the response; null if no response was started.').nullable(),
});

export const auditPage = z.object({
  entries: z.array(auditEntry),
  before: count.describe('The `before` of the next page; null on the last page.').nullable(),
});

export type Me = Described<typeof me>;
export type PinList = Described<typeof pinList>;
export type PinAnswer = Described<typeof pinAnswer>;
export type Upstream = Described<typeof upstream>;
export type UpstreamList = Described<typeof upstreamList>;
export type StaleLine = Described<typeof staleLine>;
export type AuditEntry = Described<typeof auditEntry>;
export type AuditPage = Described<typeof auditPage>;
