// The guards of the admin server. A caller must authenticate before it gets any other response. Requests that the pages of other
// sites cause are rejected.
import type { Authenticator } from '@cistern/auth';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isLoopbackName } from '@cistern/runtime';
import type { AdminAccess } from './wiring/open-admin-access.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The operator's name. Empty for a caller without a name, such as the CLI. */
    operator: string;
  }
}

const howToAllow =
  'set admin.htpasswd.path in the configuration to a file of operators; "cistern user add <file> <name>" creates one';

/** Rejects requests that `access` does not allow. If no operators are configured, the message names the setting to change. */
export function requireOperator(app: FastifyInstance, access: AdminAccess): void {
  app.decorateRequest('operator', '');
  app.addHook('onRequest', async (request, reply) => {
    if (access === 'everything') return undefined;
    if (access === 'nothing')
      return reply.code(403).send({
        message: `No operators are configured, so this server rejects all requests. To allow them, ${howToAllow}.`,
      });
    if (access === 'read-only') return isReading(request) ? undefined : rejectChange(reply);
    return authenticate(access, request, reply);
  });
}

export function isReading({ method }: FastifyRequest): boolean {
  return method === 'GET' || method === 'HEAD';
}

const isReadOnly = `This server is read-only. To allow changes, ${howToAllow}.`;

function rejectChange(reply: FastifyReply): FastifyReply {
  return reply.code(403).send({ message: isReadOnly });
}

/** Returns the reason why a caller that `access` admits cannot change anything. Returns `null` if it can. */
export function reasonForReadOnly(access: AdminAccess): string | null {
  return access === 'read-only' ? isReadOnly : null;
}

async function authenticate(authenticator: Authenticator, request: FastifyRequest, reply: FastifyReply) {
  const { authorization } = request.headers;
  const found = await authenticator.authenticate({ authorization, clientIp: request.ip });
  if (found.result === 'accepted') {
    if (found.method === 'password') request.operator = found.identity.name;
    return undefined;
  }
  if (found.result === 'locked-out')
    return reply
      .code(429)
      .header('retry-after', Math.ceil(found.retryAfterMs / 1000))
      .send({ message: 'Too many wrong passwords for this operator from this address. Wait a few minutes.' });
  const { challenge } = authenticator;
  if (challenge?.scheme === 'basic')
    reply.header('www-authenticate', `Basic realm="${challenge.realm}", charset="UTF-8"`);
  return reply.code(401).send({ message: found.message });
}

interface BrowserGuardOptions {
  /** True if the server listens for this machine only, and needs no authentication. */
  readonly isLoopbackOnly: boolean;
}

/**
 * Rejects requests that pages of other sites cause in a browser. Such a page could change something with an operator's
 * credentials. On a server without passwords, it could also read responses through a host name of its own that resolves to this
 * machine. Requests of other programs are not rejected.
 */
export function guardBrowsers(app: FastifyInstance, { isLoopbackOnly }: BrowserGuardOptions): void {
  app.addHook('onRequest', async (request, reply) => {
    if (isLoopbackOnly && !isLoopbackName(request.hostname))
      return reply
        .code(421)
        .send({ message: 'The host name is not a name of this machine. Use for example localhost.' });
    if (isReading(request)) return undefined;
    if (isFromElsewhere(request))
      return reply.code(403).send({ message: 'Requests from a page of another site are rejected.' });
    // A form of another site cannot send JSON. A script of another site can send JSON only after a CORS preflight request, which
    // this server rejects.
    if (!/^application\/json\s*(?:;|$)/i.test(request.headers['content-type'] ?? ''))
      return reply
        .code(415)
        .send({ message: 'The body of a change must be JSON. Send the header content-type: application/json.' });
    return undefined;
  });
}

/**
 * Returns whether a page of another site caused the request. Uses `Sec-Fetch-Site` if the browser sends it, because no page can
 * forge it. Otherwise it compares `Origin` with `Host`.
 */
function isFromElsewhere({ headers: { origin, 'sec-fetch-site': site, host } }: FastifyRequest): boolean {
  if (site !== undefined) return site !== 'same-origin';
  return origin !== undefined && URL.parse(origin)?.host !== host?.toLowerCase();
}
