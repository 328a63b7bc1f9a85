// How a frontend has a worker ask an upstream in a caller's name. Question and answer are sealed with the cluster's
// secret, for the way between nodes need not be encrypted, and the worker's address comes out of Redis: the question holds
// what the caller has shown, and a forged answer would let in anybody.
import { hkdfSync } from 'node:crypto';
import { CacheError, type CacheErrorKind, cacheErrorKinds } from '@cistern/errors';
import { createSeal, type Seal } from '@cistern/runtime';
import type { AccessGrant } from '@cistern/upstream';
import type { AccessQuestion } from '../check-access.ts';

/** `POST`, with a sealed `SealedQuestion`; 200 at once, heartbeats while the upstream is asked, and a sealed `AccessAnswer`. */
export const accessPath = '/v1/access';
/** Silence then means that the worker is gone, as in the fill protocol. White space, so that it is none of what is sealed. */
export const heartbeat = ' ';
export const questionName = 'access question';

export interface SealedQuestion extends AccessQuestion {
  /** Random: an answer holds for no other question. */
  readonly nonce: string;
}

export function answerName(nonce: string): string {
  return `access answer ${nonce}`;
}

/** Without an error the caller may read. */
export interface AccessAnswer {
  readonly mayRead: boolean;
  /** As `AccessGrant.isProven`; a worker of an older version does not say. */
  readonly isProven?: boolean | undefined;
  readonly error?: {
    readonly kind: string;
    readonly message: string;
    readonly detail?: unknown;
    readonly retryable: boolean;
    readonly retryAfterMs?: number | undefined;
    /** The worker itself may have no way to the upstream. */
    readonly isLocal?: boolean | undefined;
  };
}

export function toAnswer(thrown: unknown): AccessAnswer {
  const error =
    thrown instanceof CacheError
      ? thrown
      : new CacheError('overloaded', 'The worker could not ask; its log says why.', { retryable: true });
  const { kind, message, detail, retryable, retryAfterMs, isLocal } = error;
  return { mayRead: false, error: { kind, message, detail, retryable, retryAfterMs, isLocal } };
}

/** Throws what the worker's question was refused with, and for an answer that says nothing else. */
export function readAnswer({ mayRead, isProven = false, error }: Partial<AccessAnswer>): AccessGrant {
  if (mayRead === true && error === undefined) return { isProven };
  const kind = cacheErrorKinds.find((one) => one === error?.kind) ?? ('overloaded' satisfies CacheErrorKind);
  const { message = 'The worker gave no answer.', detail, retryable = true, retryAfterMs } = error ?? {};
  throw new CacheError(kind, message, { detail, retryable, ...(retryAfterMs !== undefined && { retryAfterMs }) });
}

/**
 * The `Authorization` header that workers of protocol 1 expect. An intruder in Redis can get it, and it opens nothing in this release
 * (decision 0066).
 */
export function v1Authorization(clusterSecret: string): string {
  const token = Buffer.from(hkdfSync('sha256', clusterSecret, '', 'cistern fill server v1', 32));
  return `Bearer ${token.toString('base64url')}`;
}

/** Between a frontend and a worker. */
export function questionSeal(clusterSecret: string): Seal {
  return createSeal(clusterSecret, 'access questions');
}
