// The headers that responses have in common, and functions that send small bodies.
import type { FreshnessFacts } from '@cistern/pull-through';
import type { Digest } from '@cistern/oci';
import type { RequestCacheResult, StaleReason } from '@cistern/telemetry';
import type { FastifyReply } from 'fastify';
import { entityTag } from './request-fields.ts';

export type AnswerHeaders = Readonly<Record<string, string | string[]>>;

/**
 * Returns the headers of every response: the API's version, and `nosniff`, so that no browser renders a response as a page.
 * Headers of the configuration (registry:2's `http.headers`) are added to these, or replace them.
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

/** The media type of all blobs. Only a manifest contains the media type of a blob. */
export const blobMediaType = 'application/octet-stream';

/** Returns the headers that identify the content. A 304 response has them too. */
export function validatorHeaders(digest: Digest): AnswerHeaders {
  return { 'docker-content-digest': digest, etag: entityTag(digest) };
}

/** Sets the cache result in the response (`X-Cache`) and in the log. */
export function setCacheResult(reply: FastifyReply, cache: RequestCacheResult): void {
  reply.header('x-cache', cache);
  reply.request.record.facts.cache = cache;
}

/** Returns the value of the header `Age`. */
export function ageSeconds(ageMs: number): number {
  return Math.max(0, Math.floor(ageMs / 1000));
}

/**
 * The codes of RFC 7234, 5.5: 110 stale; 111 stale because the upstream is unavailable; 112 stale because the upstream is offline.
 * Clients show users only warnings with the distribution specification's code 299.
 */
const warnings: Readonly<Record<StaleReason, string>> = {
  revalidating: '110 - "Response is Stale"',
  gone: '110 - "Response is Stale"',
  failing: '110 - "Response is Stale", 111 - "Revalidation Failed"',
  offline: '110 - "Response is Stale", 112 - "Disconnected Operation"',
};

/** Like `setCacheResult`. It also sets `Age` and `Warning`. */
export function setFreshness(reply: FastifyReply, { ageMs, cache, staleBecause, warning }: FreshnessFacts): void {
  setCacheResult(reply, cache);
  if (ageMs !== undefined) reply.header('age', String(ageSeconds(ageMs)));
  const stale = cache === 'STALE' ? warnings[staleBecause ?? 'failing'] : undefined;
  if (stale !== undefined || warning !== undefined)
    reply.header('warning', [stale, warning].filter((one) => one !== undefined).join(', '));
}

/**
 * Sends JSON with the media type of registry:2. Fastify adds a charset to strings, but not to Buffers. The response to a HEAD has
 * the same headers as that to a GET, and no body.
 */
export function sendJson(reply: FastifyReply, body: Buffer): FastifyReply {
  return reply.headers({ 'content-type': 'application/json', 'content-length': String(body.length) }).send(body);
}
