// `GET /v1/openapi.json`: what may be asked of the admin server, as an OpenAPI 3 document made of the schemas of its routes.
import type { FastifyInstance, RouteOptions } from 'fastify';
import { describeRoute } from './describe-route.ts';

export type DescribeApi = () => Promise<object>;

const schema = describeRoute('state', { summary: 'This description', answer: { type: 'object' } });

/** Of all routes that are added to `app`, or to a plugin of it, after this. */
export function collectDescription(app: FastifyInstance, version: string): DescribeApi {
  // Schemas tell what answers look like; they take nothing out of them.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  const routes: RouteOptions[] = [];
  app.addHook('onRoute', (route) => void routes.push(route));
  let described: Promise<object> | undefined;
  return () => {
    described ??= import('./build-description.ts').then(({ buildDescription }) => buildDescription(routes, version));
    return described;
  };
}

/** Within the plugin of those who may do more than look. */
export function addDescriptionRoute(app: FastifyInstance, describe: DescribeApi): void {
  app.get('/v1/openapi.json', { schema }, async (_request, reply) =>
    reply.header('cache-control', 'no-store').send(await describe()),
  );
}
