// The headers that answers have in common.
import type { FreshnessFacts } from '@cistern/pull-through';
import type { Digest } from '@cistern/oci';
import type { RequestCacheResult, StaleReason } from '@cistern/telemetry';
import type { FastifyReply } from 'fastify';
import { entityTag } from './if-none-match.ts';

export type AnswerHeaders = Readonly<Record<string, string | string[]>>;

/**
 * Of every answer: the API's version, that no browser may take it for a page, and what the configuration adds or puts in
 * their place (registry:2's `http.headers`).
 */
export function commonHeaders(configured: Readonly<Record<string, readonly string[]>>): AnswerHeaders {
  const headers: Record<string, string | string[]> = {
    'docker-distribution-api-version': 'registry/2.0',
    'x-content-type-options': 'nosniff',
  };
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

/** Tells client and log what the cache did. */
export function tellCacheResult(reply: FastifyReply, cache: RequestCacheResult): void {
  reply.header('x-cache', cache);
  reply.request.record.facts.cache = cache;
}

/**
 * The codes of RFC 7234, 5.5: stale; stale because upstream could not be asked; stale because we are cut off on purpose.
 * Clients show only warnings with the distribution specification's 299 to people.
 */
const warnings: Readonly<Record<StaleReason, string>> = {
  revalidating: '110 - "Response is Stale"',
  gone: '110 - "Response is Stale"',
  failing: '110 - "Response is Stale", 111 - "Revalidation Failed"',
  offline: '110 - "Response is Stale", 112 - "Disconnected Operation"',
};

/** As `tellCacheResult`, and how much upstream's word is worth. */
export function tellFreshness(reply: FastifyReply, { ageMs, cache, staleBecause }: FreshnessFacts): void {
  tellCacheResult(reply, cache);
  if (ageMs !== undefined) reply.header('age', String(Math.max(0, Math.floor(ageMs / 1000))));
  if (cache === 'STALE') reply.header('warning', warnings[staleBecause ?? 'failing']);
}
