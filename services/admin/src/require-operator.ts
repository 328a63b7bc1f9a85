// The guards of the admin server. A caller authenticates before anything is answered. What pages of other sites could have a
// browser do here is refused.
import type { Authenticator } from '@cistern/auth';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isLoopbackName } from '@cistern/runtime';
import type { AdminAccess } from './wiring/open-admin-access.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The operator's name; `''`: somebody without one. */
    operator: string;
  }
}

const howToAct =
  'name a file of operators as admin.htpasswd.path in the configuration; "cistern user add <file> <name>" makes one';

/** Refuses requests of `app`, with a sentence that says what would help. */
export function requireOperator(app: FastifyInstance, access: AdminAccess): void {
  app.decorateRequest('operator', '');
  app.addHook('onRequest', async (request, reply) => {
    if (access === 'everything') return undefined;
    if (access === 'nothing')
      return reply.code(403).send({ message: `Nobody may do this here before there are operators: ${howToAct}.` });
    if (access === 'look') return isReading(request) ? undefined : refuseToAct(reply);
    return authenticate(access, request, reply);
  });
}

export function isReading({ method }: FastifyRequest): boolean {
  return method === 'GET' || method === 'HEAD';
}

function refuseToAct(reply: FastifyReply): FastifyReply {
  return reply.code(403).send({ message: `One can only look here. To act, ${howToAct}.` });
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
      .send({ message: 'Too many wrong passwords for this operator from this address; wait some minutes.' });
  const { challenge } = authenticator;
  if (challenge?.scheme === 'basic')
    reply.header('www-authenticate', `Basic realm="${challenge.realm}", charset="UTF-8"`);
  return reply.code(401).send({ message: found.message });
}

interface BrowserGuardOptions {
  /** The server is for this machine alone, and asks nobody who he is. */
  readonly isLoopbackOnly: boolean;
}

/**
 * What pages of other sites could have a browser do here: change something in an operator's name, or, where nobody shows a
 * password, read by a name of theirs that they let point to this machine. Programs that are no browsers are not concerned.
 */
export function guardBrowsers(app: FastifyInstance, { isLoopbackOnly }: BrowserGuardOptions): void {
  app.addHook('onRequest', async (request, reply) => {
    if (isLoopbackOnly && !isLoopbackName(request.hostname))
      return reply.code(421).send({ message: 'Ask by a name of this machine, for example localhost.' });
    if (isReading(request)) return undefined;
    if (isFromElsewhere(request)) return reply.code(403).send({ message: 'A page of another site may not do this.' });
    // A form of another site can send none; a script only after a question that is never answered here.
    if (!/^application\/json\s*(?:;|$)/i.test(request.headers['content-type'] ?? ''))
      return reply
        .code(415)
        .send({ message: 'What changes something has to be JSON: content-type: application/json.' });
    return undefined;
  });
}

/** By the browser's own word where it gives it, which no page can forge; by the origin else. */
function isFromElsewhere({ headers: { origin, 'sec-fetch-site': site, host } }: FastifyRequest): boolean {
  if (site !== undefined) return site !== 'same-origin';
  return origin !== undefined && URL.parse(origin)?.host !== host?.toLowerCase();
}
