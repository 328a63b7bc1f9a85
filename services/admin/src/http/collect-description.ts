// `GET /v1/openapi.json`: the routes of the admin server, as an OpenAPI 3 document built from their schemas.
import type { FastifyInstance, RouteOptions } from 'fastify';
import { z } from 'zod';
import { describeRoute } from './add-route.ts';

export type DescribeApi = () => Promise<object>;

const schema = describeRoute({ tag: 'state', summary: 'This description', answer: z.looseObject({}) });

/** Collects the routes that are added to `app` or to its plugins after this call. Returns a function that describes them. */
export function collectDescription(app: FastifyInstance, version: string): DescribeApi {
  // Without this compiler, Fastify would remove fields that the schema of a response does not have. `data` is an error if a
  // request does not match its schema.
  app.setSerializerCompiler(
    () => (data: unknown) => JSON.stringify(data instanceof Error ? { message: data.message } : data),
  );
  const routes: RouteOptions[] = [];
  app.addHook('onRoute', (route) => void routes.push(route));
  let described: Promise<object> | undefined;
  return () => {
    described ??= import('./build-description.ts').then(({ buildDescription }) => buildDescription(routes, version));
    return described;
  };
}

/** `app` is the plugin that authenticates operators. */
export function addDescriptionRoute(app: FastifyInstance, describe: DescribeApi): void {
  app.get('/v1/openapi.json', { schema }, async (_request, reply) =>
    reply.header('cache-control', 'no-store').send(await describe()),
  );
}
