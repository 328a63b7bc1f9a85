// Tries one registry with its accounts, for a check of a configuration. It uses the connections and rules of pulls, but
// sends each request once and keeps nothing.
import { CacheError } from '@cistern/errors';
import { untilAborted } from '@cistern/runtime';
import { startCall } from '../calls/call.ts';
import type { CredentialSource, UpstreamCredentials } from '../credentials/credential-source.ts';
import { readWholeBody } from '../transport/attempt-layers.ts';
import { parseChallenges } from '../transport/challenge.ts';
import { createDial, createDialer } from '../transport/dialer.ts';
import { basicAuthorization, checkRealm, toTokenError, toTokenRequest } from '../transport/token-request.ts';
import {
  compose,
  headerValue,
  nameUpstream,
  type Transport,
  type TransportResponse,
  type UpstreamIdentity,
} from '../transport/transport.ts';
import { isIdentityToken } from '../credentials/credential-source.ts';
import type { OpenDocumentsOptions } from './open-documents.ts';

export interface ProbeRegistryOptions extends OpenDocumentsOptions {
  readonly credentials: readonly CredentialSource[];
  readonly allowPrivate: boolean;
}

export interface ProbedRegistry {
  /** The status of the response to `GET /v2/` without credentials. */
  readonly status: number;
  /** The `Date` header of that response. */
  readonly date: string | undefined;
  /** The host of the token server. `undefined` means that the registry names none. */
  readonly tokenServer: string | undefined;
  readonly accounts: readonly ProbedAccount[];
}

interface ProbedAccount {
  readonly name: string;
  /** `unchecked` means that the registry requires no credentials, or that the source has none. */
  readonly result: 'accepted' | 'unchecked' | 'failed';
  /** Why the account failed. It is the message of a CacheError. */
  readonly failure?: string;
}

const deadlineMs = 15_000;
const maxBytes = 256 * 1024;
const timeouts = { connectTimeoutMs: 8000, headersTimeoutMs: 10_000, bodyIdleTimeoutMs: 10_000 };
const limits = { keepAliveTimeoutMs: 1000, maxConnections: 4 };

/**
 * Sends `GET /v2/`, and authenticates each account by the challenge of the response. Resolves although an account
 * fails. Rejects with a CacheError if the registry is unreachable or is no registry. Sends nothing after `signal`.
 */
export async function probeRegistry(options: ProbeRegistryOptions, signal: AbortSignal): Promise<ProbedRegistry> {
  const { name, url, credentials, allowPrivate, tls = {}, proxy, ...headers } = options;
  const upstream: UpstreamIdentity = { name, url: new URL(url) };
  const dialer = createDialer({ upstream, allowPrivate, proxyFor: proxy, tls, ...timeouts, ...limits });
  const dial = createDial({ upstream, dialer, ...headers, ...timeouts });
  const transport = compose([readWholeBody({ upstream, countBytes() {} })], dial);
  const lifetime = startCall({ upstream }, signal, 'a probe');
  lifetime.setDeadline(deadlineMs);
  const step: Step = { upstream, transport, signal: lifetime.signal };
  try {
    return await untilAborted(probe(step, credentials), lifetime.signal);
  } finally {
    lifetime.release();
    await dialer.close();
  }
}

interface Step {
  readonly upstream: UpstreamIdentity;
  readonly transport: Transport;
  readonly signal: AbortSignal;
}

async function probe(step: Step, credentials: readonly CredentialSource[]): Promise<ProbedRegistry> {
  const answered = await ping(step, {});
  const { status, headers } = answered;
  if (status !== 200 && status !== 401)
    throw new CacheError(
      'upstream-unreachable',
      `${nameUpstream(step.upstream)} answered ${status} to GET /v2/, so it is no registry. Check its URL.`,
    );
  const scheme = schemeOf(answered);
  const accounts = await Promise.all(credentials.map((source) => tryAccount(step, source, scheme)));
  // Without accounts, an anonymous request shows whether the token server is reachable.
  if (credentials.length === 0 && scheme?.kind === 'bearer') await requestToken(step, scheme, undefined);
  const realm = scheme?.kind === 'bearer' ? URL.parse(scheme.realm)?.host : undefined;
  return { status, date: headerValue(headers, 'date'), tokenServer: realm, accounts };
}

type Scheme =
  | { readonly kind: 'basic' }
  | { readonly kind: 'bearer'; readonly realm: string; readonly service: string | undefined };

function schemeOf({ headers }: TransportResponse): Scheme | undefined {
  const challenges = parseChallenges(headers['www-authenticate']);
  const bearer = challenges.find(({ scheme }) => scheme === 'bearer')?.parameters;
  const realm = bearer?.get('realm');
  if (realm !== undefined) return { kind: 'bearer', realm, service: bearer?.get('service') };
  return challenges.some(({ scheme }) => scheme === 'basic') ? { kind: 'basic' } : undefined;
}

async function tryAccount(step: Step, source: CredentialSource, scheme: Scheme | undefined): Promise<ProbedAccount> {
  const { name } = source;
  try {
    const credentials = await source.read(step.signal);
    if (credentials === undefined || scheme === undefined) return { name, result: 'unchecked' };
    await (scheme.kind === 'basic' ? logIn(step, credentials) : requestToken(step, scheme, credentials));
    return { name, result: 'accepted' };
  } catch (error) {
    if (!(error instanceof CacheError)) throw error;
    return { name, result: 'failed', failure: error.message };
  }
}

async function logIn(step: Step, credentials: UpstreamCredentials): Promise<void> {
  if (isIdentityToken(credentials))
    throw new CacheError(
      'upstream-refused-us',
      `${nameUpstream(step.upstream)} requires a user name and a password, and the account has an identity token.`,
    );
  const { status } = await ping(step, { authorization: basicAuthorization(credentials) });
  if (status !== 200)
    throw new CacheError(
      'upstream-refused-us',
      `${nameUpstream(step.upstream)} refused the configured credentials (${status}). Check the user name and password of this upstream.`,
    );
}

/** Resolves if the token server answers. It may refuse an anonymous request, but not `credentials`. */
async function requestToken(
  { upstream, transport, signal }: Step,
  { realm, service }: Extract<Scheme, { readonly kind: 'bearer' }>,
  credentials: UpstreamCredentials | undefined,
): Promise<void> {
  const request = toTokenRequest({ realm: await checkRealm(upstream, realm), service, scopes: [], credentials });
  const answered = await transport({ operation: 'token', ...request, signal, maxBodyBytes: maxBytes });
  const isRefused = request.method === 'POST' && answered.status === 400;
  const { status } = answered;
  if (status === 200 || (credentials === undefined && status < 500)) return;
  throw toTokenError(upstream, isRefused ? { ...answered, status: 401 } : answered, credentials !== undefined, 0);
}

function ping({ upstream, transport, signal }: Step, headers: Readonly<Record<string, string>>) {
  const url = new URL(`${upstream.url.pathname}/v2/`.replace(/^\/+/, '/'), upstream.url);
  return transport({ operation: 'ping', method: 'GET', url, headers, signal, maxBodyBytes: maxBytes });
}
