// The answers about actions of operators, and about refused requests.
import { z } from 'zod';
import { count, type Described, time } from './values.ts';

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

export type AuditEntry = Described<typeof auditEntry>;
export type AuditPage = Described<typeof auditPage>;
