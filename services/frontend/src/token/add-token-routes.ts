// `/token`, where clients exchange what they have for an access token: by GET as in distribution's token specification
// ("Token Authentication Specification"), and by POST as in its "OAuth2 Token Authentication", which containerd uses.
import type { AccessTokens, Authorize, Identity } from '@cistern/auth';
import { CacheError } from '@cistern/errors';
import type { RequestMetrics } from '@cistern/telemetry';
import type { UpstreamTable } from '@cistern/upstream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type AuthenticateDependencies, identify } from '../hooks/authenticate.ts';
import { formatBasicChallenge } from '../hooks/format-challenge.ts';
import { enterOperation } from '../hooks/request-facts.ts';
import { sendJson } from '../v2/send-json.ts';
import { takeBody } from '../v2/take-body.ts';
import { narrowScopes } from './narrow-scopes.ts';

export interface TokenDependencies extends AuthenticateDependencies {
  readonly accessTokens: AccessTokens;
  readonly authorize: Authorize;
  readonly upstreams: UpstreamTable;
  readonly metrics: AuthenticateDependencies['metrics'] & RequestMetrics;
  /** Shown to people who are asked for a password. */
  readonly realm: string;
}

/** A CI job's token has some kilobytes. */
const bodyLimit = 64 * 1024;

export function addTokenRoutes(app: FastifyInstance, dependencies: TokenDependencies): void {
  void app.register(async (routes) => {
    takeBody(routes, bodyLimit);
    routes.addHook('onRequest', (request, _reply, done) => {
      enterOperation(dependencies.metrics, request.record, 'token');
      done();
    });
    routes.get('/token', (request, reply) => {
      const query = new URLSearchParams(request.url.split('?', 2)[1] ?? '');
      return giveToken(dependencies, request, reply, request.headers.authorization, query.getAll('scope'));
    });
    routes.post('/token', { bodyLimit }, (request, reply) => {
      const form = new URLSearchParams(Buffer.isBuffer(request.body) ? request.body.toString('utf8') : '');
      return giveToken(
        dependencies,
        request,
        reply,
        shownIn(form) ?? request.headers.authorization,
        form.getAll('scope'),
      );
    });
  });
}

async function giveToken(
  dependencies: TokenDependencies,
  request: FastifyRequest,
  reply: FastifyReply,
  authorization: string | undefined,
  scopes: readonly string[],
): Promise<FastifyReply> {
  const challenge = () => void reply.header('www-authenticate', formatBasicChallenge(dependencies.realm));
  const identity = await identify(dependencies, request, authorization, challenge);
  refuseAccessToken(identity, challenge);
  const { authorize, upstreams } = dependencies;
  const names = narrowScopes(authorize, { identity, clientIp: request.ip }, upstreams, request.host, scopes);
  const { token, expiresInSeconds, issuedAt } = await dependencies.accessTokens.issue(identity, names);
  reply.header('cache-control', 'no-store');
  // Docker reads `token`, OAuth 2 clients `access_token`.
  const answer = { token, access_token: token, expires_in: expiresInSeconds, issued_at: issuedAt.toISOString() };
  return sendJson(reply, Buffer.from(JSON.stringify({ ...answer, token_type: 'Bearer', scope: scopeOf(names) })));
}

/** Or it would never end. */
function refuseAccessToken({ scopes }: Identity, challenge: () => void): void {
  if (scopes === undefined) return;
  challenge();
  throw new CacheError('unauthenticated', 'An access token cannot be exchanged for another one.');
}

function scopeOf(names: readonly string[]): string {
  return names.map((name) => `repository:${name}:pull`).join(' ');
}

/** What a form shows, as a header would: `password`, or what a client took for a refresh token. `undefined`: nothing. */
function shownIn(form: URLSearchParams): string | undefined {
  const isRefresh = form.get('grant_type') === 'refresh_token';
  const password = form.get(isRefresh ? 'refresh_token' : 'password');
  if (password === null) return undefined;
  const user = isRefresh ? '' : (form.get('username') ?? '');
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}
