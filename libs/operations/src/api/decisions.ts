// The answers about pins, upstreams that are online or offline, and tags that were served stale.
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

export type PinList = Described<typeof pinList>;
export type PinAnswer = Described<typeof pinAnswer>;
export type Upstream = Described<typeof upstream>;
export type UpstreamList = Described<typeof upstreamList>;
export type StaleLine = Described<typeof staleLine>;
