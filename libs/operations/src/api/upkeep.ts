// The responses about the scrub, and about the plan of an eviction.
import { z } from 'zod';
import { bytes, count, type Described, failure, time } from './values.ts';

const scrubPass = z.object({
  startedAtMs: time('When it started'),
  endedAtMs: time('When it ended').optional(),
  shard: count.describe('The current part, of 256.'),
  after: z.string().describe('The last digest that the pass has read in this part.').optional(),
  counts: z.object({
    objects: count.describe('Objects that were read completely.'),
    bytes,
    verified: count.describe('Sound objects that were hashed for the first time.'),
    adopted: count.describe('Objects that were missing in the index.'),
    forgotten: count.describe('Objects that the index listed and the store did not have.'),
    damaged: count,
    healed: count.describe('Damaged objects that are sound again.'),
    failed: count.describe('Objects that could not be read or removed.').optional(),
  }),
});

const scrubReport = z.object({
  schema: z.literal(1),
  pass: scrubPass.describe('The last pass. It is running if it has no end.'),
  lastEnded: scrubPass.describe('The last complete pass.').optional(),
  damages: z
    .array(
      z.object({
        digest: z.string(),
        size: bytes,
        foundAtMs: time('When it was found'),
        healed: z.boolean(),
        note: z.string().describe('The source from which it was fetched again, or the reason why it was not.'),
      }),
    )
    .describe('The newest last.'),
});

export const scrubAnswer = z.object({
  report: scrubReport.describe('Null before the first scrub.').nullable(),
});

export const evictionLine = z.object({
  plan: z
    .object({ bytes, downToBytes: bytes.optional(), pinned: count.describe('The number of pinned digests.') })
    .optional(),
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
