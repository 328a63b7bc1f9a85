// The headers that answers have in common, and how small bodies are sent.
import type { OutgoingHttpHeaders } from 'node:http';
import type { FreshnessFacts } from '@cistern/pull-through';
import type { Digest } from '@cistern/oci';
import type { RequestCacheResult, StaleReason } from '@cistern/telemetry';
import type { FastifyReply } from 'fastify';
import { entityTag } from './request-fields.ts';

export type AnswerHeaders = Readonly<Record<string, string | string[]>>;

/**
 * The headers of every answer: the API's version, that no browser may take it for a page, and what the configuration adds or puts
 * in their place (registry:2's `http.headers`).
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

/** What the cache did, for the client and for the log. */
export function setCacheResult(reply: FastifyReply, cache: RequestCacheResult): void {
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

/** As `setCacheResult`, and how much upstream's word is worth. */
export function setFreshness(reply: FastifyReply, { ageMs, cache, staleBecause, warning }: FreshnessFacts): void {
  setCacheResult(reply, cache);
  if (ageMs !== undefined) reply.header('age', String(Math.max(0, Math.floor(ageMs / 1000))));
  const stale = cache === 'STALE' ? warnings[staleBecause ?? 'failing'] : undefined;
  if (stale !== undefined || warning !== undefined)
    reply.header('warning', [stale, warning].filter((one) => one !== undefined).join(', '));
}

/** A larger one is shared by those who are sent it, however slow they are: a copy for each would fill the memory. */
const smallBytes = 64 * 1024;

/**
 * Sends the status and headers that `reply` has, `content-length` among them, and `bytes`, in one piece. Two pieces cost the kernel
 * more than the copy, and Fastify's way of sending as much as the rest of Node's.
 */
export function sendAtOnce(reply: FastifyReply, bytes: Buffer): FastifyReply {
  const { raw } = reply;
  reply.hijack();
  raw.writeHead(reply.statusCode, reply.getHeaders() as OutgoingHttpHeaders);
  // Node puts a string behind the header and a Buffer beside it. Each byte is one character of latin1.
  if (bytes.length <= smallBytes) raw.end(bytes.toString('latin1'), 'latin1');
  else raw.end(bytes);
  return reply;
}

/**
 * The media type is as registry:2 sends it: Fastify adds a charset to strings, not to Buffers. On HEAD the headers alone go out,
 * those of the same GET.
 */
export function sendJson(reply: FastifyReply, body: Buffer): FastifyReply {
  return reply.headers({ 'content-type': 'application/json', 'content-length': String(body.length) }).send(body);
}
