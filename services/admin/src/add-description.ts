// `GET /v1/openapi.json`: what may be asked of the admin server, as an OpenAPI 3 document made of the schemas of its routes.
import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { describeRoute } from './describe-route.ts';

const schema = describeRoute('state', { summary: 'This description', answer: { type: 'object' } });

/** Routes that are added to `app` from within plugins after this one are described. */
export function addDescription(app: FastifyInstance, version: string): void {
  // Schemas tell what answers look like; they take nothing out of them.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  void app.register(swagger, {
    openapi: {
      openapi: '3.0.3',
      info: {
        title: 'Cistern',
        description:
          'What operators see of a cache, and may ask of it. Times are milliseconds since 1970, sizes are bytes.',
        version,
      },
      components: {
        securitySchemes: {
          cluster: { type: 'http', scheme: 'bearer', description: "Made of the cluster's secret, as the CLI does." },
          operator: { type: 'http', scheme: 'basic', description: 'Of `admin.htpasswd`.' },
        },
      },
      security: [{ cluster: [] }, { operator: [] }],
    },
  });
}

/** Within the plugin of those who may do more than look. */
export function addDescriptionRoute(app: FastifyInstance): void {
  app.get('/v1/openapi.json', { schema }, (_request, reply) =>
    reply.header('cache-control', 'no-store').send(app.swagger()),
  );
}
