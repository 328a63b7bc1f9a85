// Builds the description of the admin API from the schemas of its routes. This module is loaded only when the description is
// first requested, because such requests are rare.
import swagger from '@fastify/swagger';
import { fastify, type RouteOptions } from 'fastify';

/** Resolves to an OpenAPI 3 document. */
export async function buildDescription(routes: readonly RouteOptions[], version: string): Promise<object> {
  const app = fastify({ exposeHeadRoutes: false });
  // This app never gets a request, so its compilers do nothing.
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => () => '');
  await app.register(swagger, {
    openapi: {
      openapi: '3.0.3',
      info: {
        title: 'Cistern',
        description: 'The API for operators of a cache. Times are milliseconds since 1970, sizes are bytes.',
        version,
      },
      components: {
        securitySchemes: {
          cluster: {
            type: 'http',
            scheme: 'bearer',
            description: "A token derived from the cluster's secret. The CLI creates it.",
          },
          operator: { type: 'http', scheme: 'basic', description: 'An operator of the file `admin.htpasswd.path`.' },
        },
      },
      security: [{ cluster: [] }, { operator: [] }],
    },
  });
  for (const { method, url, schema } of routes)
    app.route({ method, url, ...(schema && { schema }), handler: () => '' });
  await app.ready();
  const description = app.swagger();
  await app.close();
  return description;
}
