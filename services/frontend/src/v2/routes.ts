// The routes of the pull API: `/v2/…` and, for clients that can only put a mirror's name before it, `/<prefix>/v2/…`.
import type { FastifyInstance } from 'fastify';
import { authenticate } from '../hooks/authenticate.ts';
import { limitClient } from '../hooks/limit-client.ts';
import { enterOperation } from '../hooks/request-facts.ts';
import { dispatch } from './dispatch.ts';
import { refuseWrite } from './unsupported.ts';
import type { V2Dependencies } from './v2-dependencies.ts';

const paths = ['/v2', '/v2/*', '/:prefix/v2', '/:prefix/v2/*'];

export function addV2Routes(app: FastifyInstance, dependencies: V2Dependencies): void {
  const writes = app.supportedMethods.filter((method) => method !== 'GET' && method !== 'HEAD');
  for (const url of paths) {
    app.route({ method: ['GET', 'HEAD'], url, handler: (request, reply) => dispatch(dependencies, request, reply) });
    app.route({
      method: writes,
      url,
      // Before a body would be parsed, whose type or size could turn the answer into another.
      onRequest: async (request, reply) => {
        enterOperation(dependencies.metrics, request.record, 'write');
        await authenticate(dependencies, request, reply);
        await limitClient(dependencies, request, reply);
        refuseWrite();
      },
      handler: refuseWrite,
    });
  }
}
