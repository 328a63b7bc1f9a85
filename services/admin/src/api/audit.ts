// The shapes of `GET /v1/audit`.
import { z } from 'zod';
import { count, time } from './values.ts';

const kind = z
  .enum(['action', 'refusal'])
  .describe('action: a request of an operator; refusal: a request that was refused.');

export const auditQuery = z.object({
  limit: z.int().min(1).max(500).default(100),
  before: count.describe('As the page before gave it.').optional(),
  kind: kind.optional(),
});

const auditEntry = z.object({
  kind,
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

export type AuditEntry = z.infer<typeof auditEntry>;
export type AuditPage = z.infer<typeof auditPage>;
