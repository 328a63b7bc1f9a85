// The protocol by which a worker checks a caller's access for a frontend. The question holds the caller's credentials, and a
// forged answer could authorize any caller. Connections between nodes may be unencrypted, and the worker's address comes from
// Redis. So question and answer are encrypted with the cluster's secret.
import { hkdfSync } from 'node:crypto';
import { CacheError, type CacheErrorKind, cacheErrorKinds } from '@cistern/errors';
import { createSeal, type Seal } from '@cistern/runtime';
import type { AccessGrant } from '@cistern/upstream';
import type { AccessQuestion } from '../check-access.ts';

/**
 * The path of a `POST` with an encrypted `SealedQuestion`. The response starts immediately with status 200. Its body has
 * heartbeats during the check, then an encrypted `AccessAnswer`.
 */
export const accessPath = '/v1/access';
/** Shows that the worker is alive, as in the fill protocol. It is a space, which never occurs in encrypted text. */
export const heartbeat = ' ';
export const questionName = 'access question';

export interface SealedQuestion extends AccessQuestion {
  /** A random text, so that an answer is valid only for one question. */
  readonly nonce: string;
}

export function answerName(nonce: string): string {
  return `access answer ${nonce}`;
}

/** The result of a check. `error` is set unless the caller may read. */
export interface AccessAnswer {
  readonly mayRead: boolean;
  /** The same as `AccessGrant.isProven`. Unset in answers of older workers. */
  readonly isProven?: boolean | undefined;
  readonly error?: {
    readonly kind: string;
    readonly message: string;
    readonly detail?: unknown;
    readonly retryable: boolean;
    readonly retryAfterMs?: number | undefined;
    /** True if the failure may concern only this worker, which may have no connection to the upstream. */
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

/** Returns the grant, or throws the error of the answer. Throws `overloaded` for an answer that has neither. */
export function readAnswer({ mayRead, isProven = false, error }: Partial<AccessAnswer>): AccessGrant {
  if (mayRead === true && error === undefined) return { isProven };
  const kind = cacheErrorKinds.find((one) => one === error?.kind) ?? ('overloaded' satisfies CacheErrorKind);
  const {
    message = 'The worker sent no answer to the access check. Try again later.',
    detail,
    retryable = true,
    retryAfterMs,
  } = error ?? {};
  throw new CacheError(kind, message, { detail, retryable, ...(retryAfterMs !== undefined && { retryAfterMs }) });
}

/**
 * Returns the `Authorization` header that workers of protocol 1 expect. An intruder in Redis can obtain this header, so no node
 * of this release accepts it (decision 0066).
 */
export function v1Authorization(clusterSecret: string): string {
  const token = Buffer.from(hkdfSync('sha256', clusterSecret, '', 'cistern fill server v1', 32));
  return `Bearer ${token.toString('base64url')}`;
}

/** Creates the encryption of messages between a frontend and a worker. */
export function questionSeal(clusterSecret: string): Seal {
  return createSeal(clusterSecret, 'access questions');
}
