// The shapes of `GET /v1/client-setups`.
import { z } from 'zod';

export const setupQuery = z.object({
  url: z
    .string()
    .max(512)
    .describe('The cache as clients reach it; without it the host that was asked, with the registry’s port.')
    .optional(),
  ca: z
    .string()
    .max(512)
    .describe('Where clients find the certificate of the authority, if they do not know it by themselves.')
    .optional(),
});

const step = z.object({
  path: z.string().describe('The path of a file; null: a command.').nullable(),
  content: z.string(),
  note: z.string(),
});

export const clientSetups = z.object({
  url: z.string().describe('The cache as clients reach it.'),
  clients: z.array(z.object({ name: z.string(), steps: z.array(step) })),
});

export type ClientSetups = z.infer<typeof clientSetups>;
