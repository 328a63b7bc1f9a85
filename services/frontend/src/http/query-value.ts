// Query parameters. Fastify parses a repeated one to an array.
import type { FastifyRequest } from 'fastify';

/** The first value, or `undefined` for a parameter that is missing or empty. */
export function queryValue({ query }: FastifyRequest, name: string): string | undefined {
  const value = (query as Readonly<Record<string, string | string[] | undefined>>)[name];
  const first = Array.isArray(value) ? value[0] : value;
  return first === '' ? undefined : first;
}
