// For Fastify servers whose routes have no schemas: it has a compiler of these by default, whose 100 files every process would load.
import type { FastifyServerOptions } from 'fastify';

function refuse(): never {
  throw new Error('a route of this server has a schema, which nothing here would hold it to');
}

export const withoutSchemas = {
  schemaController: { compilersFactory: { buildValidator: () => refuse, buildSerializer: () => refuse } },
} satisfies FastifyServerOptions;
