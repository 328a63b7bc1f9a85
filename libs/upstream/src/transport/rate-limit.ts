// What an upstream says of our budget, as Docker Hub documents it: `ratelimit-limit: 100;w=21600`.
import type { RateLimit } from '../upstream.ts';
import { headerValue, type TransportHeaders } from './transport.ts';

const quantity = /^\s*(\d{1,12})\s*(?:$|[;,])/;
const windowParameter = /;\s*w=(\d{1,12})/;
/** Longer waits than Docker Hub's own window are not worth believing. */
const maxRetryAfterMs = 6 * 60 * 60 * 1000;

/** `undefined` where upstream says nothing. */
export function parseRateLimit(headers: TransportHeaders): RateLimit | undefined {
  const limitField = headerValue(headers, 'ratelimit-limit') ?? '';
  const remainingField = headerValue(headers, 'ratelimit-remaining') ?? '';
  const limit = quantity.exec(limitField)?.[1];
  const remaining = quantity.exec(remainingField)?.[1];
  if (limit === undefined && remaining === undefined) return undefined;
  const windowSeconds = (windowParameter.exec(limitField) ?? windowParameter.exec(remainingField))?.[1];
  const source = headerValue(headers, 'docker-ratelimit-source');
  return {
    ...(limit !== undefined && { limit: Number(limit) }),
    ...(remaining !== undefined && { remaining: Number(remaining) }),
    ...(windowSeconds !== undefined && { windowSeconds: Number(windowSeconds) }),
    ...(source !== undefined && { source }),
  };
}

/** Milliseconds from a `Retry-After` in seconds or as a date (RFC 9110 section 10.2.3), at most 6 hours. */
export function parseRetryAfterMs(headers: TransportHeaders, nowMs: number): number | undefined {
  const value = headerValue(headers, 'retry-after')?.trim();
  if (value === undefined) return undefined;
  const waitMs = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return Number.isNaN(waitMs) ? undefined : Math.min(Math.max(waitMs, 0), maxRetryAfterMs);
}
