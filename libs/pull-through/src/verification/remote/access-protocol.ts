// The protocol by which a worker checks a caller's access for a frontend. Question and answer are sealed with the cluster's
// secret: connections between nodes may be unencrypted, and the worker's address comes from Redis. The question holds the
// caller's credentials, and a forged answer would authorize any caller.
import { hkdfSync } from 'node:crypto';
import { CacheError, type CacheErrorKind, cacheErrorKinds } from '@cistern/errors';
import { createSeal, type Seal } from '@cistern/runtime';
import type { AccessGrant } from '@cistern/upstream';
import type { AccessQuestion } from '../check-access.ts';

/** `POST` with a sealed `SealedQuestion`. The response is 200 immediately, heartbeats during the check, a sealed `AccessAnswer`. */
export const accessPath = '/v1/access';
/** Shows that the worker lives, as in the fill protocol. It is white space, so that it differs from sealed text. */
export const heartbeat = ' ';
export const questionName = 'access question';

export interface SealedQuestion extends AccessQuestion {
  /** Random, so that an answer is valid for one question only. */
  readonly nonce: string;
}

export function answerName(nonce: string): string {
  return `access answer ${nonce}`;
}

/** Holds an `error` unless the caller may read. */
export interface AccessAnswer {
  readonly mayRead: boolean;
  /** As `AccessGrant.isProven`. Unset in answers of older workers. */
  readonly isProven?: boolean | undefined;
  readonly error?: {
    readonly kind: string;
    readonly message: string;
    readonly detail?: unknown;
    readonly retryable: boolean;
    readonly retryAfterMs?: number | undefined;
    /** The worker itself may have no connection to the upstream. */
    readonly isLocal?: boolean | undefined;
  };
}

export function toAnswer(thrown: unknown): AccessAnswer {
  const error =
    thrown instanceof CacheError
      ? thrown
      : new CacheError('overloaded', 'The worker failed to check your access. Its log has the reason.', {
          retryable: true,
        });
  const { kind, message, detail, retryable, retryAfterMs, isLocal } = error;
  return { mayRead: false, error: { kind, message, detail, retryable, retryAfterMs, isLocal } };
}

/** Returns the grant, or throws the error in the answer. Throws `overloaded` for an answer with neither. */
export function readAnswer({ mayRead, isProven = false, error }: Partial<AccessAnswer>): AccessGrant {
  if (mayRead === true && error === undefined) return { isProven };
  const kind = cacheErrorKinds.find((one) => one === error?.kind) ?? ('overloaded' satisfies CacheErrorKind);
  const {
    message = 'The worker sent no answer to the access check.',
    detail,
    retryable = true,
    retryAfterMs,
  } = error ?? {};
  throw new CacheError(kind, message, { detail, retryable, ...(retryAfterMs !== undefined && { retryAfterMs }) });
}

/**
 * Returns the `Authorization` header that workers of protocol 1 expect. An intruder in Redis can get it. This release accepts
 * it nowhere (decision 0066).
 */
export function v1Authorization(clusterSecret: string): string {
  const token = Buffer.from(hkdfSync('sha256', clusterSecret, '', 'cistern fill server v1', 32));
  return `Bearer ${token.toString('base64url')}`;
}

/** Seals messages between a frontend and a worker. */
export function questionSeal(clusterSecret: string): Seal {
  return createSeal(clusterSecret, 'access questions');
}
