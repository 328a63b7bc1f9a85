// Sends access checks to an upstream. An access check is a request with the credentials of a caller, so its response
// concerns only that caller. Therefore access checks have their own connections, retries, pauses and breakers, and do
// not affect our own calls to the upstream.
import { createHash } from 'node:crypto';
import { CacheError, isCacheError } from '@cistern/errors';
import type { RepositoryName } from '@cistern/oci';
import type { EndpointBudget } from '../budget/budget.ts';
import { type SilenceOptions, watchSilence } from '../health/silence.ts';
import { createMemoryTokenCache } from '../token-cache.ts';
import type { Account } from '../transport/account.ts';
import { attemptLayers, type MeasureOptions } from '../transport/attempt-layers.ts';
import { authorize } from '../transport/authorize.ts';
import { followRedirects } from '../transport/follow-redirects.ts';
import { createTokenSource } from '../transport/token-source.ts';
import { compose, type Transport, type TransportLayer, type UpstreamIdentity } from '../transport/transport.ts';
import type { CallerCredentials } from '../upstream.ts';
import { createCallerBackoff } from './caller-backoff.ts';

export interface CallersOptions extends Omit<MeasureOptions, 'countBytes'>, Pick<SilenceOptions, 'silenceMs' | 'ping'> {
  /** Sends a request over connections that are reserved for access checks. */
  readonly dial: Transport;
  /**
   * The budget of our own accounts at the upstream. Access checks stop during its pauses too, because they come from
   * the same address as our own calls.
   */
  readonly budget: EndpointBudget;
  /**
   * Rejects requests while the breaker of our own calls is open. Requests that pass neither open nor close that
   * breaker.
   */
  readonly guard: TransportLayer;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

export interface CallerTransport {
  readonly send: Transport;
  /** Returns true if the upstream or its token server has accepted the caller's credentials. */
  isProven(): boolean;
}

export interface Callers {
  /**
   * Returns a transport for access checks of one caller. It rejects as other transports do, and with `unauthenticated`
   * if the upstream does not accept the caller's credentials or requires some.
   */
  transportOf(caller: CallerCredentials, repository: RepositoryName): CallerTransport;
  close(): void;
}

/**
 * Limits the pairs of caller and repository that are remembered. Above the limit the least recently used pair is
 * forgotten.
 */
const maxRemembered = 10_000;

interface CallerLayers {
  readonly backoff: TransportLayer;
  readonly attempts: readonly TransportLayer[];
}

export function openCallers(options: CallersOptions): Callers {
  const { upstream, budget, guard, clock } = options;
  const known = new Map<string, CallerLayers>();
  // A ping carries no credentials of a caller, so an unanswered ping means that the upstream itself is silent.
  const silence = watchSilence(options);
  const dial = silence.listen(options.dial);

  function layersOf(caller: CallerCredentials, repository: RepositoryName): CallerLayers {
    const key = createHash('sha256')
      .update(JSON.stringify([repository, caller]))
      .digest('base64');
    const layers = known.get(key) ?? {
      backoff: createCallerBackoff(upstream, clock),
      attempts: attemptLayers({ ...options, countBytes: silence.countBytes }),
    };
    known.delete(key);
    known.set(key, layers);
    const oldest = known.keys().next();
    if (known.size > maxRemembered && oldest.done !== true) known.delete(oldest.value);
    return layers;
  }

  const admit: TransportLayer = (next) => async (request) => {
    await budget.admit({ purpose: 'cold', kind: 'other' }, ['caller']);
    return next(request);
  };

  return {
    transportOf(caller, repository) {
      const { backoff, attempts } = layersOf(caller, repository);
      const tokenTransport = compose(attempts, dial);
      const transport = compose([...attempts, followRedirects(upstream)], dial);
      const { send, isProven } = createCallerTransport({ upstream, transport, tokenTransport, clock }, caller);
      return { send: compose([admit, guard, backoff, silence.layer], send), isProven };
    },
    close: () => silence.close(),
  };
}

interface CallerTransportOptions extends Pick<CallersOptions, 'upstream' | 'clock'> {
  /** The transport for requests that are already authorized. */
  readonly transport: Transport;
  /** Sends requests to token servers. */
  readonly tokenTransport: Transport;
}

/**
 * Creates the transport for requests with a caller's credentials. It authenticates as the transport of our own calls
 * does, but with the caller's account. It keeps credentials and tokens only for one check. A refusal of the caller does
 * not mark our own credentials as refused.
 */
function createCallerTransport(options: CallerTransportOptions, caller: CallerCredentials): CallerTransport {
  const { upstream, transport, tokenTransport, clock } = options;
  // Some registries ignore an unknown token, so a successful request does not prove that the token is valid.
  if (caller.kind === 'token') return { send: compose([sendToken(caller.token)], transport), isProven: () => false };
  const account = callerAccount(caller);
  const tokens = createTokenSource({
    upstream,
    account,
    cache: createMemoryTokenCache(),
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

function sendToken(token: string): TransportLayer {
  return (next) => (request) => next({ ...request, headers: { ...request.headers, authorization: `Bearer ${token}` } });
}

function toRefusal(error: unknown, caller: CallerCredentials, upstream: UpstreamIdentity): unknown {
  // Here `name-unknown` means that the token server issues no token to anonymous callers.
  if (isCacheError(error, 'name-unknown')) return refused(upstream);
  if (!isCacheError(error, 'upstream-refused-us')) return error;
  const { status } = (error.detail ?? {}) as { readonly status?: number };
  if (status === 403) return new CacheError('denied', `Upstream "${upstream.name}" denies you access.`);
  return caller.kind === 'anonymous' ? refused(upstream) : error;
}

function refused(upstream: UpstreamIdentity): CacheError {
  return new CacheError('unauthenticated', `Upstream "${upstream.name}" does not accept your credentials.`);
}
