// `GET /v1/client-setups?url=&ca=`: the files with which clients pull through this cache, as `cistern client-config` prints them.
import { describeClientSetups, parseCacheAddress } from '@cistern/client-config';
import type { Config } from '@cistern/config';
import type { FastifyInstance } from 'fastify';
import { describeRoute } from './describe-route.ts';
import { list, object, optional, orNull, text } from './json-schema.ts';

const schema = describeRoute('clients', {
  summary: 'The files with which each client pulls through this cache',
  querystring: object({
    url: optional(
      text('The cache as clients reach it; without it the host that was asked, with the registry’s port.', {
        maxLength: 512,
      }),
    ),
    ca: optional(
      text('Where clients find the certificate of the authority, if they do not know it by themselves.', {
        maxLength: 512,
      }),
    ),
  }),
  answer: object({
    url: text('The cache as clients reach it.'),
    clients: list(
      object({
        name: text(),
        steps: list(object({ path: orNull(text('Of a file; null: a command.')), content: text(), note: text() })),
      }),
    ),
  }),
});

export function addConnectRoutes(app: FastifyInstance, { http, upstreams }: Pick<Config, 'http' | 'upstreams'>): void {
  const scheme = http.tls === undefined ? 'http' : 'https';
  const port = http.address.kind === 'tcp' ? `:${http.address.port}` : '';
  app.get<{ Querystring: { readonly url?: string; readonly ca?: string } }>(
    '/v1/client-setups',
    { schema },
    (request, reply) => {
      const { url = `${scheme}://${request.hostname}${port}`, ca } = request.query;
      void reply.header('cache-control', 'no-store');
      try {
        const cache = parseCacheAddress(url, ca);
        const clients = describeClientSetups(cache, upstreams).map(({ name, steps }) => ({
          name,
          steps: steps.map(({ path = null, content, note }) => ({ path, content, note })),
        }));
        return reply.send({ url: cache.url, clients });
      } catch (error) {
        return reply.code(400).send({ message: `${(error as Error).message}.` });
      }
    },
  );
}
