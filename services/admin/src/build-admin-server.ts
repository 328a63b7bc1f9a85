// The admin server: which version runs, how the parts of the cache are, what may be asked of it, and a console for operators.
import type { AdminAccess } from './wiring/open-admin-access.ts';
import type { Audit, Operations } from '@cistern/operations';
import { type Overview, state, type State } from '@cistern/operations/api';
import { within } from '@cistern/runtime';
import type { Logger } from '@cistern/telemetry';
import type { Config } from '@cistern/config';
import {
  fastify,
  LogController,
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { addAuditRoutes, addNodeRoutes } from './api/node-routes.ts';
import { addConnectRoutes } from './api/connect-routes.ts';
import { createEventFeed } from './api/create-event-feed.ts';
import { addDecisionRoutes } from './api/decision-routes.ts';
import { addImageRoutes } from './api/image-routes.ts';
import { addPrewarmRoute } from './api/prewarm-route.ts';
import { addUpkeepRoutes } from './api/upkeep-routes.ts';
import { serveConsole } from './console/serve-console.ts';
import { guardBrowsers, isReading, requireOperator } from './require-operator.ts';
import { addDescriptionRoute, collectDescription } from './http/collect-description.ts';
import { describeRoute } from './http/add-route.ts';

/** By name; each rejects with the reason if that part cannot do its work now. */
type PartChecks = Readonly<Record<string, () => Promise<void>>>;

export interface AdminServerOptions extends Operations {
  readonly version: string;
  readonly parts: PartChecks;
  /** Where clients pull, and from what. */
  readonly registry: Pick<Config, 'http' | 'upstreams'>;
  readonly audit: Pick<Audit, 'action' | 'list'>;
  readonly access: AdminAccess;
  readonly log: Logger;
}

const checkLimitMs = 3000;
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
  const { version, parts, nodes, prewarm, upkeep, decisions, images, registry, access, audit, log } = options;
  const app = fastify({
    // Faults of our own. Requests are not logged: what changes something is audited.
    loggerInstance: log.child({}, { level: 'error' }) as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    exposeHeadRoutes: true,
    forceCloseConnections: 'idle',
    bodyLimit,
  });
  guardBrowsers(app, { isLoopbackOnly: access === 'look' });
  const describe = collectDescription(app, version);
  async function readOverview(): Promise<Overview> {
    const [states, overview] = await Promise.all([checkParts(parts), nodes.overview()]);
    return { version, ...states, ...overview };
  }
  const sources = { overview: readOverview, nodes: () => nodes.nodes(), fills: () => nodes.fills() };
  const feed = createEventFeed({ sources, log: app.log });
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
    protectedApp.addHook('onResponse', async (request, reply) => auditAction(audit, request, reply));
    addNodeRoutes(protectedApp, nodes, readOverview, feed);
    addPrewarmRoute(protectedApp, prewarm);
    addUpkeepRoutes(protectedApp, upkeep);
    addDecisionRoutes(protectedApp, decisions, nodes);
    addImageRoutes(protectedApp, images);
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
function auditAction(audit: Pick<Audit, 'action'>, request: FastifyRequest, { statusCode: status }: FastifyReply) {
  const { method, url, ip, body: wish, operator, headers } = request;
  if (isReading(request) && (headers.authorization === undefined || ![401, 403, 429].includes(status))) return;
  const address = ip === '' ? undefined : ip;
  const by = operator === '' ? (address ?? 'a user of this machine') : operator;
  audit.action({ by, address, what: `${method} ${url}`, wish, status });
}

/** How the parts of the cache are, each asked now. */
async function checkParts(checks: PartChecks): Promise<Pick<State, 'healthy' | 'parts'>> {
  const states = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => [name, await stateOf(check)] as const),
  );
  return { healthy: states.every(([, word]) => word === 'ok'), parts: Object.fromEntries(states) };
}

async function stateOf(check: () => Promise<void>): Promise<string> {
  try {
    await within(check(), checkLimitMs);
    return 'ok';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
