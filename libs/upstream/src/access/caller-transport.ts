// Requests in the name of a caller, as one's own go but for the account: nothing of what is shown or issued is kept, and
// what the upstream says of the caller is no news about us.
import { CacheError, isCacheError } from '@cistern/errors';
import type { Account } from '../credentials/account.ts';
import { createMemoryTokenCache } from '../token-cache.ts';
import { authorize } from '../transport/authorize.ts';
import { compose } from '../transport/compose.ts';
import { createTokenSource } from '../transport/token-source.ts';
import type { Transport, TransportLayer } from '../transport/transport.ts';
import type { UpstreamIdentity } from '../upstream-identity.ts';
import type { CallerCredentials } from '../caller-credentials.ts';

export interface CallerTransport {
  readonly send: Transport;
  /** Whether the upstream or its token server is known to have accepted the caller's credentials. */
  isProven(): boolean;
}

export interface CallerTransportOptions {
  readonly upstream: UpstreamIdentity;
  /** Below authorization. */
  readonly transport: Transport;
  /** The way to token servers. */
  readonly tokenTransport: Transport;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** Besides what a transport rejects with: `unauthenticated` where the caller's credentials, or lack of them, are refused. */
export function createCallerTransport(options: CallerTransportOptions, caller: CallerCredentials): CallerTransport {
  const { upstream, transport, tokenTransport, clock } = options;
  // Some registries take a token that they do not know for none.
  if (caller.kind === 'token') return { send: compose([showToken(caller.token)], transport), isProven: () => false };
  const account = callerAccount(caller);
  const cache = createMemoryTokenCache();
  const tokens = createTokenSource({
    upstream,
    account,
    cache,
    transport: tokenTransport,
    clock,
    operation: 'check-access',
  });
  const authorized = compose([authorize({ upstream, account, tokens })], transport);
  return {
    isProven: account.isAccepted,
    async send(request) {
      try {
        return await authorized(request);
      } catch (error) {
        throw account.isRefused() ? refused(upstream) : toRefusal(error, caller, upstream);
      }
    },
  };
}

interface CallerAccount extends Account {
  isRefused(): boolean;
  isAccepted(): boolean;
}

function callerAccount(caller: Exclude<CallerCredentials, { readonly kind: 'token' }>): CallerAccount {
  let isRefused = false;
  let isAccepted = false;
  return {
    name: 'caller',
    credentials: async () => (caller.kind === 'password' ? caller : undefined),
    accepted() {
      isAccepted = true;
    },
    refused() {
      isRefused = true;
    },
    isRefused: () => isRefused,
    isAccepted: () => isAccepted,
  };
}

function showToken(token: string): TransportLayer {
  return (next) => (request) => next({ ...request, headers: { ...request.headers, authorization: `Bearer ${token}` } });
}

function toRefusal(error: unknown, caller: CallerCredentials, upstream: UpstreamIdentity): unknown {
  // A token server that gives none to just anybody.
  if (isCacheError(error, 'name-unknown')) return refused(upstream);
  if (!isCacheError(error, 'upstream-refused-us')) return error;
  const { status } = (error.detail ?? {}) as { readonly status?: number };
  if (status === 403) return new CacheError('denied', `Upstream "${upstream.name}" denies you access.`);
  return caller.kind === 'anonymous' ? refused(upstream) : error;
}

function refused(upstream: UpstreamIdentity): CacheError {
  return new CacheError('unauthenticated', `Upstream "${upstream.name}" does not accept what you have shown it.`);
}
