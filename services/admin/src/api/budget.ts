// The shape of `GET /v1/budget`.
import { z } from 'zod';
import { count, time } from './values.ts';

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

export type Account = z.infer<typeof account>;
export type BudgetList = z.infer<typeof budgetList>;
