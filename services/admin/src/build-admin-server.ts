// The admin server: which version runs, how the parts of the cache are, what may be asked of it, and a console for operators.
import type { AdminAccess } from './wiring/open-admin-access.ts';
import type { Audit, Decisions, Images, Nodes, Prewarm, Upkeep } from '@cistern/operations';
import type { Config } from '@cistern/config';
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { addAuditRoutes } from './api/audit-routes.ts';
import { checkParts, type PartChecks } from './api/check-parts.ts';
import { addConnectRoutes } from './api/connect-routes.ts';
import { createEventFeed } from './api/create-event-feed.ts';
import { addDecisionRoutes } from './api/decision-routes.ts';
import { describeFills, describeNodes, describeOverview } from './api/describe-nodes.ts';
import { addImageChangeRoutes } from './api/image-change-routes.ts';
import { addImageRoutes } from './api/image-routes.ts';
import { addNodeRoutes } from './api/node-routes.ts';
import { state } from './api/nodes.ts';
import { addPrewarmRoute } from './api/prewarm-route.ts';
import { addUpkeepRoutes } from './api/upkeep-routes.ts';
import { serveConsole } from './console/serve-console.ts';
import { guardBrowsers } from './guard-browsers.ts';
import { addDescriptionRoute, collectDescription } from './http/collect-description.ts';
import { describeRoute } from './http/describe-route.ts';
import { isReading, requireOperator } from './require-operator.ts';

export interface AdminServerOptions {
  readonly version: string;
  readonly parts: PartChecks;
  readonly nodes: Nodes;
  readonly prewarm: Prewarm;
  readonly upkeep: Upkeep;
  readonly decisions: Decisions;
  readonly images: Images;
  /** Where clients pull, and from what. */
  readonly registry: Pick<Config, 'http' | 'upstreams'>;
  readonly audit: Pick<Audit, 'asked' | 'list'>;
  readonly access: AdminAccess;
}

const bodyLimit = 64 * 1024;
const stateSchema = describeRoute({
  tag: 'state',
  summary: 'Which version runs, and how the parts of the cache are',
  description: 'For everybody.',
  answer: state,
});

/**
 * `GET /`: `{ version, healthy, parts: { index: 'ok', store: '<why not>' } }`, for everybody. The rest is below `/v1/`, and the
 * console below `/console/`. Whoever builds it listens and closes.
 */
export function buildAdminServer(options: AdminServerOptions): FastifyInstance {
  const { version, parts, nodes, prewarm, upkeep, decisions, images, registry, access, audit } = options;
  const app = fastify({ logger: false, exposeHeadRoutes: true, forceCloseConnections: 'idle', bodyLimit });
  guardBrowsers(app, { isLoopbackOnly: access === 'look' });
  const describe = collectDescription(app, version);
  const views = {
    overview: () => describeOverview(nodes, version, parts),
    nodes: () => describeNodes(nodes),
    fills: () => describeFills(nodes),
  };
  const feed = createEventFeed({ sources: views });
  app.addHook('preClose', (done) => {
    feed.close();
    done();
  });
  void app.register(async (openApp) => {
    openApp.get('/', { schema: stateSchema }, async (request, reply) => {
      if (/\btext\/html\b/.test(request.headers.accept ?? '')) return reply.redirect('/console/', 302);
      return reply.header('cache-control', 'no-store').send({ version, ...(await checkParts(parts)) });
    });
  });
  void app.register(async (protectedApp) => {
    requireOperator(protectedApp, access);
    protectedApp.addHook('onResponse', async (request, reply) => noteAsked(audit, request, reply));
    addNodeRoutes(protectedApp, nodes, views, feed);
    addPrewarmRoute(protectedApp, prewarm);
    addUpkeepRoutes(protectedApp, upkeep);
    addDecisionRoutes(protectedApp, decisions, nodes);
    addImageRoutes(protectedApp, images);
    addImageChangeRoutes(protectedApp, images);
    addAuditRoutes(protectedApp, audit);
    addConnectRoutes(protectedApp, registry);
    addDescriptionRoute(protectedApp, describe);
  });
  void app.register(async (consoleApp) => {
    // Where nobody can show anything, the page is there to say so.
    if (typeof access === 'object') requireOperator(consoleApp, access);
    await serveConsole(consoleApp);
  });
  return app;
}

/** What changes something, and whoever was turned away with what he showed. The console looks every second. */
function noteAsked(audit: Pick<Audit, 'asked'>, request: FastifyRequest, { statusCode: status }: FastifyReply) {
  const { method, url, ip, body: wish, operator, headers } = request;
  if (isReading(request) && (headers.authorization === undefined || ![401, 403, 429].includes(status))) return;
  const address = ip === '' ? undefined : ip;
  const by = operator === '' ? (address ?? 'a user of this machine') : operator;
  audit.asked({ by, address, what: `${method} ${url}`, wish, status });
}
