// What a client's `Cache-Control` asks of a cache (RFC 9111, 5.2.1). No container client sends it; people and scripts do.
import type { FreshnessOptions } from '@cistern/pull-through';
import type { FastifyRequest } from 'fastify';
import type { V2Dependencies } from './v2-dependencies.ts';

const noOptions: FreshnessOptions = Object.freeze({ forceRevalidation: false });

/** Directives that say nothing here, and `max-age` without a whole number, are ignored; all are from who may not ask for it. */
export function freshnessOptions(
  { mayRevalidate }: Pick<V2Dependencies, 'mayRevalidate'>,
  { headers, ip }: Pick<FastifyRequest, 'headers' | 'ip'>,
): FreshnessOptions {
  if (headers['cache-control'] === undefined || !mayRevalidate(ip)) return noOptions;
  const directives = headers['cache-control']
    .toLowerCase()
    .split(',')
    .map((directive) => directive.trim());
  const seconds = directives
    .map((directive) => /^max-age="?(\d{1,9})"?$/.exec(directive)?.[1])
    .find((age) => age !== undefined);
  return {
    forceRevalidation: directives.includes('no-cache'),
    ...(seconds !== undefined && { maxAgeMs: Number(seconds) * 1000 }),
  };
}
