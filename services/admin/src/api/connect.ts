// The schemas of `GET /v1/client-setups`.
import { z } from 'zod';

export const setupQuery = z.object({
  url: z
    .string()
    .max(512)
    .describe('The address of the cache for clients. Default: the host of this request, with the registry’s port.')
    .optional(),
  ca: z
    .string()
    .max(512)
    .describe('The path of the CA certificate on clients, if their system does not trust the CA already.')
    .optional(),
});

const step = z.object({
  path: z.string().describe('The path of a file; null for a command.').nullable(),
  content: z.string(),
  note: z.string(),
});

export const clientSetups = z.object({
  url: z.string().describe('The address of the cache for clients.'),
  clients: z.array(z.object({ name: z.string(), steps: z.array(step) })),
});

export type ClientSetups = z.infer<typeof clientSetups>;
