// The answers about the scrub, and about what an eviction would remove.
import { z } from 'zod';
import { bytes, count, type Described, failure, time } from './values.ts';

const scrubPass = z.object({
  startedAtMs: time('When it started'),
  endedAtMs: time('When it ended').optional(),
  shard: count.describe('The part of 256 that it is at.'),
  after: z.string().describe('The last digest that it has seen there.').optional(),
  counts: z.object({
    objects: count.describe('Objects that were read whole.'),
    bytes,
    verified: count.describe('Sound objects without a hash before.'),
    adopted: count.describe('Objects that the index did not know.'),
    forgotten: count.describe('Objects of the index that the store does not have.'),
    damaged: count,
    healed: count.describe('Damaged objects that are sound again.'),
    failed: count.describe('Objects that could not be read or removed.').optional(),
  }),
});

const scrubReport = z.object({
  schema: z.literal(1),
  pass: scrubPass.describe('The last one; it runs unless it has ended.'),
  lastEnded: scrubPass.describe('The last one that has ended.').optional(),
  damages: z
    .array(
      z.object({
        digest: z.string(),
        size: bytes,
        foundAtMs: time('When it was found'),
        healed: z.boolean(),
        note: z.string().describe('Where it was fetched again, or why it was not.'),
      }),
    )
    .describe('The newest last.'),
});

export const scrubAnswer = z.object({
  report: scrubReport.describe('Null: the store has not been read through yet.').nullable(),
});

export const evictionLine = z.object({
  plan: z.object({ bytes, downToBytes: bytes.optional(), pinned: count.describe('Digests.') }).optional(),
  victim: z
    .object({
      digest: z.string(),
      size: bytes,
      kind: z.string(),
      lastPulledAtMs: time('When it was last pulled'),
      reason: z.enum(['space', 'age']),
    })
    .optional(),
  result: z.object({ victims: count, bytes }).optional(),
  error: failure.optional(),
});

export type ScrubAnswer = Described<typeof scrubAnswer>;
export type ScrubReport = Described<typeof scrubReport>;
export type ScrubPass = Described<typeof scrubPass>;
export type EvictionLine = Described<typeof evictionLine>;
