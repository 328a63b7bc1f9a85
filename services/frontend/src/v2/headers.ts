// The headers that answers have in common.
import type { ManifestFacts } from '@cistern/pull-through';
import type { Digest } from '@cistern/oci';
import type { RequestCacheResult } from '@cistern/telemetry';
import type { FastifyReply } from 'fastify';
import { entityTag } from './if-none-match.ts';

export type AnswerHeaders = Readonly<Record<string, string | string[]>>;

/** Of every answer: the API's version and what the configuration adds (registry:2's `http.headers`). */
export function commonHeaders(configured: Readonly<Record<string, readonly string[]>>): AnswerHeaders {
  const headers: Record<string, string | string[]> = { 'docker-distribution-api-version': 'registry/2.0' };
  for (const [name, values] of Object.entries(configured)) {
    const [first] = values;
    if (first !== undefined) headers[name.toLowerCase()] = values.length === 1 ? first : [...values];
  }
  return headers;
}

/** What identifies the content, also on a 304. */
export function validatorHeaders(digest: Digest): AnswerHeaders {
  return { 'docker-content-digest': digest, etag: entityTag(digest) };
}

/** `Warning` with code 110 of RFC 7234: clients show only those with the distribution specification's 299 to people. */
export function freshnessHeaders({ ageMs, cache }: ManifestFacts): AnswerHeaders {
  return {
    ...(ageMs !== undefined && { age: String(Math.max(0, Math.floor(ageMs / 1000))) }),
    ...(cache === 'STALE' && { warning: '110 - "Response is Stale"' }),
  };
}

/** Tells client and log what the cache did. */
export function tellCacheResult(reply: FastifyReply, cache: RequestCacheResult): void {
  reply.header('x-cache', cache);
  reply.request.record.facts.cache = cache;
}
