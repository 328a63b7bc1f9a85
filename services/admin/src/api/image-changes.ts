// The shapes of `POST /v1/purge` and `POST /v1/refresh`.
import { z } from 'zod';
import { count, imageName } from './values.ts';

export const purgeRequest = z.object({
  image: imageName.optional(),
  digest: z
    .string()
    .max(256)
    .describe('A manifest or a blob, wherever it is held; with the tags that name it.')
    .optional(),
  upstream: z.string().min(1).max(255).describe('All that is from it.').optional(),
});
export const purgeAnswer = z.object({
  purged: z.object({
    tags: count,
    manifests: count.describe('Manifests whose bytes are gone; those that others refer to stay.'),
    blobs: count.describe('Likewise.'),
  }),
});

export const refreshRequest = z.object({ image: imageName });
export const refreshAnswer = z.object({
  image: z.string().describe('The name in full.'),
  before: z.string().describe('The digest that the tag named here until now.').nullable(),
  after: z.string().describe('The digest that it names.').nullable(),
});

export type PurgeAnswer = z.infer<typeof purgeAnswer>;
export type RefreshAnswer = z.infer<typeof refreshAnswer>;
