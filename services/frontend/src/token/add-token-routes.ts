// `/token`, where clients exchange their credentials for an access token.
import type { AccessTokens, Authenticator, Authorize, Identity, Caller } from '@cistern/auth';
import { CacheError } from '@cistern/errors';
import type { RequestMetrics } from '@cistern/telemetry';
import type { UpstreamTable } from '@cistern/upstream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type AuthenticateDependencies, identify, formatBasicChallenge } from '../hooks/authenticate.ts';
import { limitClient } from '../hooks/limit-client.ts';
import { type CallerTokens, giveCallerToken, tokenPath } from '../callers/caller-tokens.ts';
import { refuseUnknownPath } from '../hooks/add-request-hooks.ts';
import { catalogScope, parseScopes, pullScope, resolveIfKnown } from './scopes.ts';
import { sendJson } from '../http/answer.ts';
import { enterOperation } from '../hooks/request-facts.ts';
import { takeBody } from '../http/server-options.ts';

export interface TokenServer {
  readonly accessTokens: AccessTokens;
  /** The realm of password prompts. */
  readonly realm: string;
}

export interface TokenDependencies extends AuthenticateDependencies {
  /** Returns the issuer of access tokens, or `undefined` if there is none. */
  readonly tokenServer: () => TokenServer | undefined;
  /** Returns the tokens for upstreams that verify callers, or `undefined` if no upstream does. */
  readonly callerTokens: () => CallerTokens | undefined;
  readonly authorize: Authorize;
  readonly upstreams: UpstreamTable;
  readonly metrics: AuthenticateDependencies['metrics'] & RequestMetrics;
}

/**
 * Adds the token endpoint. It issues tokens for upstreams that verify callers, or access tokens of this cache. If there are
 * neither, the path is unknown.
 */
export function addTokenRoutes(app: FastifyInstance, dependencies: TokenDependencies): void {
  const { callerTokens, tokenServer } = dependencies;
  addTokenPath(
    app,
    async (wanted, request, reply) => {
      const tokens = callerTokens();
      if (tokens !== undefined) {
        await limitClient(dependencies, request, reply);
        return giveCallerToken(tokens, wanted.authorization, reply);
      }
      const server = tokenServer();
      return server === undefined ? refuseUnknownPath() : giveToken(dependencies, server, wanted, request, reply);
    },
    (request) => {
      if (callerTokens() === undefined && tokenServer() === undefined) refuseUnknownPath();
      enterOperation(dependencies.metrics, request.record, 'token');
    },
  );
}

async function giveToken(
  dependencies: TokenDependencies,
  { accessTokens, realm }: TokenServer,
  { authorization, scopes }: TokenRequest,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const challenge = () => void reply.header('www-authenticate', formatBasicChallenge(realm));
  const identity = await identify(dependencies, request, authorization, challenge);
  await limitClient(dependencies, request, reply);
  refuseAccessToken(identity, challenge);
  const { authorize, upstreams, authenticator } = dependencies;
  const names = narrowScopes(
    authorize,
    { identity, clientIp: request.ip },
    upstreams,
    hostOf(authenticator, request),
    scopes,
  );
  const wantsCatalog = scopes.some((scope) => scope.split(' ').includes(catalogScope));
  const mayList = wantsCatalog && identity.mayList !== false;
  const { token, expiresInSeconds, issuedAt } = await accessTokens.issue({ ...identity, mayList }, names);
  reply.header('cache-control', 'no-store');
  // Docker reads `token`, OAuth 2 clients `access_token`.
  const answer = { token, access_token: token, expires_in: expiresInSeconds, issued_at: issuedAt.toISOString() };
  return sendJson(
    reply,
    Buffer.from(JSON.stringify({ ...answer, token_type: 'Bearer', scope: scopeOf(names, mayList) })),
  );
}

/** Returns the host of the request if images are served there too. Returns `undefined` if tokens are issued at a separate URL. */
function hostOf({ challenge }: Authenticator, { host }: FastifyRequest): string | undefined {
  return challenge?.scheme === 'bearer' && 'url' in challenge.realm ? undefined : host;
}

/**
 * Rejects an access token as a credential. Otherwise a client could exchange each token for a new one, and keep its access for
 * ever.
 */
function refuseAccessToken({ scopes }: Identity, challenge: () => void): void {
  if (scopes === undefined) return;
  challenge();
  throw new CacheError('unauthenticated', 'An access token cannot be exchanged for another one. Use a password.');
}

function scopeOf(names: readonly string[], mayList: boolean): string {
  return [...names.map(pullScope), ...(mayList ? [catalogScope] : [])].join(' ');
}

/**
 * Returns the repositories for the token. With `host`, these are the full names of the requested repositories that the client is
 * allowed to pull, resolved for that host. The token is valid for these repositories at every host. Without `host`, tokens are
 * issued at another address than images. Then the names stay as they are and are not checked here, because the host of each pull
 * selects their upstream.
 */
function narrowScopes(
  authorize: Authorize,
  asker: Caller,
  upstreams: UpstreamTable,
  host: string | undefined,
  scopes: readonly string[],
): readonly string[] {
  return parseScopes(scopes).flatMap((name) => {
    if (host === undefined) return [name];
    const place = resolveIfKnown(upstreams, { host, name });
    return place !== undefined && authorize(asker, place).isAllowed ? [`${place.upstream}/${place.repository}`] : [];
  });
}

interface TokenRequest {
  /**
   * The credentials of the header or of the form, as the value of an `Authorization` header. A refresh token counts as a password
   * without a user.
   */
  readonly authorization: string | undefined;
  readonly scopes: readonly string[];
}

type GiveToken = (wanted: TokenRequest, request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>;

/** The most bytes of a form. The token of a CI job has some kilobytes. */
const bodyLimit = 64 * 1024;

/** Calls `enter` before the body is read. It may throw. */
function addTokenPath(app: FastifyInstance, give: GiveToken, enter: (request: FastifyRequest) => void): void {
  void app.register(async (routes) => {
    takeBody(routes, bodyLimit);
    routes.addHook('onRequest', (request, _reply, done) => {
      enter(request);
      done();
    });
    routes.get(tokenPath, (request, reply) => {
      const query = new URLSearchParams(request.url.split('?', 2)[1] ?? '');
      return give({ authorization: request.headers.authorization, scopes: query.getAll('scope') }, request, reply);
    });
    routes.post(tokenPath, { bodyLimit }, (request, reply) => {
      const form = new URLSearchParams(Buffer.isBuffer(request.body) ? request.body.toString('utf8') : '');
      const authorization = credentialsIn(form) ?? request.headers.authorization;
      return give({ authorization, scopes: form.getAll('scope') }, request, reply);
    });
  });
}

/**
 * Returns the password or refresh token of a form as the value of an `Authorization` header. Returns `undefined` if the form has
 * neither.
 */
function credentialsIn(form: URLSearchParams): string | undefined {
  const isRefresh = form.get('grant_type') === 'refresh_token';
  const password = form.get(isRefresh ? 'refresh_token' : 'password');
  if (password === null) return undefined;
  const user = isRefresh ? '' : (form.get('username') ?? '');
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}
