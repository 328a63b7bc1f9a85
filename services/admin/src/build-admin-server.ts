// The admin server: the version, the health of the cache's parts, the admin API, and a console for operators.
import type { AdminAccess } from './wiring/open-admin-access.ts';
import type { Audit, Operations } from '@cistern/operations';
import { type Overview, state, type State } from '@cistern/operations/api';
import { within } from '@cistern/runtime';
import type { Logger } from '@cistern/telemetry';
import type { NodeConfig } from '@cistern/config';
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

/**
 * The health checks of the parts, by the part's name. A check rejects if its part does not work. The error's message is the
 * reason.
 */
type PartChecks = Readonly<Record<string, () => Promise<void>>>;

export interface AdminServerOptions extends Operations {
  readonly version: string;
  readonly parts: PartChecks;
  /** The configuration for clients: the address of the cache, and the upstreams. */
  readonly registry: Pick<NodeConfig, 'http' | 'live'>;
  readonly audit: Pick<Audit, 'action' | 'list'>;
  readonly access: AdminAccess;
  readonly log: Logger;
}

const checkLimitMs = 3000;
const bodyLimit = 64 * 1024;
const stateSchema = describeRoute({
  tag: 'state',
  summary: 'The version, and the health of the parts of the cache',
  description: 'Needs no authentication.',
  answer: state,
});

/**
 * `GET /`: `{ version, healthy, parts: { index: 'ok', store: '<reason>' } }`, without authentication. The paths of the API begin
 * with `/v1/`, and those of the console with `/console/`. The caller makes the server listen, and closes it.
 */
export function buildAdminServer(options: AdminServerOptions): FastifyInstance {
  const { version, parts, nodes, prewarm, upkeep, decisions, images, registry, access, audit, log } = options;
  const app = fastify({
    // Fastify logs only errors of this server, and no requests. The audit log records the requests that change something.
    loggerInstance: log.child({}, { level: 'error' }) as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    exposeHeadRoutes: true,
    forceCloseConnections: 'idle',
    bodyLimit,
  });
  guardBrowsers(app, { isLoopbackOnly: access === 'read-only' });
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
    // If there are no credentials, the page needs no authentication. It can then show the message of the API, which names the
    // setting to change.
    if (typeof access === 'object') requireOperator(consoleApp, access);
    await serveConsole(consoleApp);
  });
  return app;
}

/**
 * Audits requests that change something, and requests whose credentials were rejected. Other reads are not audited, because the
 * console polls every second.
 */
function auditAction(audit: Pick<Audit, 'action'>, request: FastifyRequest, { statusCode: status }: FastifyReply) {
  const { method, url, ip, body: parameters, operator, headers } = request;
  if (isReading(request) && (headers.authorization === undefined || ![401, 403, 429].includes(status))) return;
  const address = ip === '' ? undefined : ip;
  const by = operator === '' ? (address ?? 'a user of this machine') : operator;
  audit.action({ by, address, command: `${method} ${url}`, parameters, status });
}

/** Runs the health checks of all parts. */
async function checkParts(checks: PartChecks): Promise<Pick<State, 'healthy' | 'parts'>> {
  const states = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => [name, await stateOf(check)] as const),
  );
  return { healthy: states.every(([, text]) => text === 'ok'), parts: Object.fromEntries(states) };
}

async function stateOf(check: () => Promise<void>): Promise<string> {
  try {
    await within(check(), checkLimitMs);
    return 'ok';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
