// The shapes of `POST /v1/prewarm`.
import { z } from 'zod';
import { bytes, count, failure, imageName } from './values.ts';

export const prewarmRequest = z.object({
  image: imageName.describe('For example nginx:1.27.'),
  platforms: z
    .array(z.string().max(64).describe('os/architecture.'))
    .max(32)
    .describe('Default: those that are pulled.')
    .optional(),
});

export const prewarmLine = z.object({
  progress: z.object({ blobs: count, blobsHere: count, bytes, bytesHere: bytes }).optional(),
  result: z
    .object({
      digest: z.string().optional(),
      blobs: count,
      bytes,
      fetchedBlobs: count,
      fetchedBytes: bytes,
      failure: z.object({ kind: z.string(), message: z.string() }).optional(),
    })
    .optional(),
  error: failure.optional(),
});

export type PrewarmLine = z.infer<typeof prewarmLine>;
