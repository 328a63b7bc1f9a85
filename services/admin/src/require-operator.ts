// Who asks, found out before anything is answered: an operator, a command of the cluster, or whoever can connect.
import type { AdminAccess } from './wiring/open-admin-access.ts';
import type { Authenticator } from '@cistern/auth';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

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
