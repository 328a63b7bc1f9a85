// The admin server: the version, the health of the cache's parts, the admin API, and a console for operators.
import type { AdminAccess } from './wiring/open-admin-access.ts';
import type { Audit, Operations } from '@cistern/operations';
import { type Overview, type ShownProblem, state, type State } from '@cistern/operations/api';
import type { Problem, ProblemBoard } from '@cistern/runtime/process';
import { type Logger, plainAddress } from '@cistern/telemetry';
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
import { addMeRoute } from './api/me-route.ts';
import { addPrewarmRoute } from './api/prewarm-route.ts';
import { addUpkeepRoutes } from './api/upkeep-routes.ts';
import { serveConsole } from './console/serve-console.ts';
import { guardBrowsers, isReading, reasonForReadOnly, requireOperator } from './require-operator.ts';
import { addDescriptionRoute, collectDescription } from './http/collect-description.ts';
import { describeRoute } from './http/add-route.ts';

export interface AdminServerOptions extends Operations {
  readonly version: string;
  readonly problems: Pick<ProblemBoard, 'parts' | 'look'>;
  /** The configuration for clients: the address of the cache, and the upstreams. */
  readonly registry: Pick<NodeConfig, 'http' | 'live'>;
  readonly audit: Pick<Audit, 'action' | 'list'>;
  readonly access: AdminAccess;
  readonly log: Logger;
}

const bodyLimit = 64 * 1024;
const stateSchema = describeRoute({
  tag: 'state',
  summary: 'The version, and the health of the parts of the cache',
  description: 'Needs no authentication.',
  answer: state,
});

/**
 * `GET /`: `{ version, healthy, parts: { index: 'ok', store: 'store-full' } }`, without authentication. The paths of the API begin
 * with `/v1/`, and those of the console with `/console/`. The caller makes the server listen, and closes it.
 */
export function buildAdminServer(options: AdminServerOptions): FastifyInstance {
  const { version, problems, nodes, prewarm, upkeep, decisions, images, registry, access, audit, log } = options;
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
    const [found, overview] = await Promise.all([problems.look(), nodes.overview()]);
    return {
      version,
      ...stateOf(problems.parts, found, ({ reason }) => reason),
      problems: found.map(showProblem),
      ...overview,
    };
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
      const found = await problems.look();
      return reply
        .header('cache-control', 'no-store')
        .send({ version, ...stateOf(problems.parts, found, ({ kind }) => kind) });
    });
  });
  void app.register(async (protectedApp) => {
    requireOperator(protectedApp, access);
    protectedApp.addHook('onResponse', async (request, reply) => auditAction(audit, request, reply));
    addMeRoute(protectedApp, reasonForReadOnly(access));
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
  const address = ip === '' ? undefined : plainAddress(ip);
  const by = operator === '' ? (address ?? 'a user of this machine') : operator;
  audit.action({ by, address, command: `${method} ${url}`, parameters, status });
}

/**
 * The cache is healthy if no problem is critical. `describe` returns what may be said of a problem: reasons name accounts and
 * addresses, so they need a login.
 */
function stateOf(
  parts: readonly string[],
  problems: readonly Problem[],
  describe: (problem: Problem) => string,
): Pick<State, 'healthy' | 'parts'> {
  const critical = Map.groupBy(
    problems.filter(({ severity }) => severity === 'critical'),
    ({ part }) => part,
  );
  const texts = parts.map(
    (part) => [part, [...new Set(critical.get(part)?.map(describe) ?? ['ok'])].join(' ')] as const,
  );
  return { healthy: critical.size === 0, parts: Object.fromEntries(texts) };
}

function showProblem({ sinceMs: since, subject, node, isUnready: _isUnready, ...problem }: Problem): ShownProblem {
  return { ...problem, since, subject: subject ?? null, node: node ?? null };
}
