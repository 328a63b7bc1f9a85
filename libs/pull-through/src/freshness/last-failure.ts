// Why upstream did not confirm what it was asked for, as a record remembers it.
import { CacheError, type CacheErrorKind, cacheErrorKinds, isCacheError } from '@cistern/errors';
import type { FreshnessPolicy } from './freshness.ts';

const refusals: ReadonlySet<string> = new Set<CacheErrorKind>(['manifest-unknown', 'name-unknown', 'denied']);

/** Upstream has been asked and says that it is not there, or not for us. Anything else says nothing about the tag. */
export function isRefusal(kind: string): boolean {
  return refusals.has(kind);
}

/** Whether what a refusal is about is forgotten for it. */
export function isForgottenFor(error: unknown, { onNotFound, onDenied }: FreshnessPolicy): boolean {
  if (!isCacheError(error) || !isRefusal(error.kind)) return false;
  // Docker Hub's answer to us for what is private is 401.
  const isDenied = error.kind === 'denied' || (error.detail as { status?: number } | undefined)?.status === 401;
  return (isDenied ? (onDenied ?? onNotFound) : onNotFound) === 'forget';
}

export function failureKindOf(error: unknown): string {
  return isCacheError(error) ? error.kind : 'unknown';
}

/** What the try that failed a moment ago would have thrown, without trying again. */
export function failedLately(upstream: string, kind: string): CacheError {
  const known = cacheErrorKinds.find((one) => one === kind) ?? 'upstream-unreachable';
  const message = isRefusal(kind)
    ? `${upstream} said a moment ago that it does not have this, or that it is not for us.`
    : `${upstream} could not be asked a moment ago. Try again in some seconds.`;
  return new CacheError(known, message, { detail: { upstream } });
}
