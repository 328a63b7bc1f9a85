// `GET /v1/client-setups?url=&ca=`: the configuration files that clients need to use this cache, as `cistern client-config`
// prints them.
import { type CacheAddress, describeClientSetups, parseCacheAddress } from '@cistern/client-config';
import type { NodeConfig } from '@cistern/config';
import type { FastifyInstance } from 'fastify';
import { addRoute } from '../http/add-route.ts';
import { Refusal } from '../http/answer.ts';
import { clientSetups, setupQuery } from './connect.ts';

export function addConnectRoutes(app: FastifyInstance, { http, live }: Pick<NodeConfig, 'http' | 'live'>): void {
  const upstreams = live.derive((settings) => settings.upstreams);
  const scheme = http.tls === undefined ? 'http' : 'https';
  const port = http.address.kind === 'tcp' ? `:${http.address.port}` : '';
  addRoute(app, {
    path: 'GET /v1/client-setups',
    tag: 'clients',
    summary: 'Configuration files for each client of this cache',
    query: setupQuery,
    answer: clientSetups,
    act: async ({ request, query: { url = `${scheme}://${request.hostname}${port}`, ca } }) => {
      const cache = parseAddress(url, ca);
      const clients = describeClientSetups(cache, upstreams()).map(({ name, steps }) => ({
        name,
        steps: steps.map(({ path = null, content, note }) => ({ path, content, note })),
      }));
      return { url: cache.url, clients };
    },
  });
}

function parseAddress(url: string, authority: string | undefined): CacheAddress {
  try {
    return parseCacheAddress(url, authority);
  } catch (error) {
    throw new Refusal(400, `${(error as Error).message}.`);
  }
}
