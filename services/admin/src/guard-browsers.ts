// What pages of other sites could have a browser do here: change something in an operator's name, or, where nobody shows a
// password, read by a name of theirs that they let point to this machine. Programs that are no browsers are not concerned.
import { isLoopbackName } from '@cistern/runtime';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { isReading } from './require-operator.ts';

export interface BrowserGuardOptions {
  /** The server is for this machine alone, and asks nobody who he is. */
  readonly isLoopbackOnly: boolean;
}

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
