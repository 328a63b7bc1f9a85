// The frontend node: it serves clients from the store and from the fills of workers, and connects to no upstream. It listens for
// clients that pull, and for the challenge requests of an ACME authority.
import type { Config, NodeConfig } from '@cistern/config';
import { buildNode, type CacheNode, type NodeContext, type Listener, withoutSchemas } from '@cistern/runtime/process';
import { prepareDirectories } from '@cistern/assembly';
import { fastify } from 'fastify';
import { assembleFrontend, type FrontendAssembly } from './wiring/wire-frontend.ts';
import { buildFrontend } from './build-frontend.ts';

/** Rejects with StartError or CacheError if a part cannot be opened. The caller closes the node. */
export async function buildFrontendNode(config: NodeConfig, context: NodeContext): Promise<CacheNode> {
  const { log, metrics } = context;
  await prepareDirectories(config);
  const work = await assembleFrontend(config, context);
  const clients = buildRegistry(config, work, context);
  return buildNode({ config, log, metrics, work, clients, challenges: buildChallenges(config, work) });
}

export function buildRegistry(
  { http, log, storageRedirect, webhooks }: Pick<Config, 'http' | 'log' | 'storageRedirect' | 'webhooks'>,
  { pushes, ...assembly }: FrontendAssembly,
  context: NodeContext,
): Listener {
  const app = buildFrontend({
    ...context,
    ...assembly,
    loggedHitsPercent: log.loggedHitsPercent,
    headers: http.headers,
    trustedProxies: http.trustedProxies,
    proxyProtocol: http.proxyProtocol,
    redirectExcept: storageRedirect?.exceptNetworks,
    revalidateFrom: http.revalidateFrom,
    webhooks: { webhooks, pushes },
  });
  return { app, address: http.address, key: 'http.addr', reusePort: http.reusePort };
}

/**
 * Builds the listener that answers the `http-01` challenges of an ACME authority (RFC 8555, section 8.3), and nothing else.
 * Returns `undefined` if no `http-01` challenge is configured.
 */
export function buildChallenges(
  { http: { tls, reusePort } }: Pick<Config, 'http'>,
  { answerChallenge }: Pick<FrontendAssembly, 'answerChallenge'>,
): Listener | undefined {
  const { certificates } = tls ?? {};
  if (answerChallenge === undefined || certificates?.kind !== 'acme' || certificates.challenge.kind !== 'http-01')
    return undefined;
  const app = fastify({
    ...withoutSchemas,
    logger: false,
    forceCloseConnections: true,
    requestTimeout: 10_000,
    bodyLimit: 1,
  });
  app.get<{ Params: { token: string } }>('/.well-known/acme-challenge/:token', async ({ params }, reply) => {
    const answer = await answerChallenge(params.token);
    if (answer === undefined) return reply.code(404).type('text/plain').send('Unknown challenge.\n');
    return reply.type('application/octet-stream').header('cache-control', 'no-store').send(answer);
  });
  return { app, address: certificates.challenge.address, key: 'http.tls.letsencrypt.httpaddr', reusePort };
}
