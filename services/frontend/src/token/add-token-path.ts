// The place where clients ask for tokens: by GET as in distribution's token specification ("Token Authentication
// Specification"), and by POST as in its "OAuth2 Token Authentication", which containerd uses.
import type { RequestMetrics } from '@cistern/telemetry';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { enterOperation } from '../hooks/request-facts.ts';
import { takeBody } from '../http/server-options.ts';

export const tokenPath = '/token';

export interface TokenRequest {
  /** What was shown, in a form too, as the header would have it; a refresh token as a password of nobody. */
  readonly authorization: string | undefined;
  readonly scopes: readonly string[];
}

export type GiveToken = (wanted: TokenRequest, request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>;

/** A CI job's token has some kilobytes. */
const bodyLimit = 64 * 1024;

export function addTokenPath(app: FastifyInstance, metrics: RequestMetrics, give: GiveToken): void {
  void app.register(async (routes) => {
    takeBody(routes, bodyLimit);
    routes.addHook('onRequest', (request, _reply, done) => {
      enterOperation(metrics, request.record, 'token');
      done();
    });
    routes.get(tokenPath, (request, reply) => {
      const query = new URLSearchParams(request.url.split('?', 2)[1] ?? '');
      return give({ authorization: request.headers.authorization, scopes: query.getAll('scope') }, request, reply);
    });
    routes.post(tokenPath, { bodyLimit }, (request, reply) => {
      const form = new URLSearchParams(Buffer.isBuffer(request.body) ? request.body.toString('utf8') : '');
      const authorization = shownIn(form) ?? request.headers.authorization;
      return give({ authorization, scopes: form.getAll('scope') }, request, reply);
    });
  });
}

/** What a form shows, as a header would: `password`, or what a client took for a refresh token. `undefined`: nothing. */
function shownIn(form: URLSearchParams): string | undefined {
  const isRefresh = form.get('grant_type') === 'refresh_token';
  const password = form.get(isRefresh ? 'refresh_token' : 'password');
  if (password === null) return undefined;
  const user = isRefresh ? '' : (form.get('username') ?? '');
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}
