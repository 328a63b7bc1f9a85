// The admin server: which version runs, how the parts of the cache are, what may be asked of it, and a console for operators.
import type { AdminAccess, Decisions, Images, Prewarm, Upkeep } from '@cistern/assembly';
import type { AuditLog } from '@cistern/telemetry';
import { within } from '@cistern/process';
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { addDescription, addDescriptionRoute } from './add-description.ts';
import { serveConsole } from './console/serve-console.ts';
import { addDecisionRoutes } from './decision-routes.ts';
import { describeRoute } from './describe-route.ts';
import { guardBrowsers } from './guard-browsers.ts';
import { addImageChangeRoutes } from './image-change-routes.ts';
import { addImageRoutes } from './image-routes.ts';
import { flag, object, text } from './json-schema.ts';
import { addPrewarmRoute } from './prewarm-route.ts';
import { isReading, requireOperator } from './require-operator.ts';
import { addUpkeepRoutes } from './upkeep-routes.ts';

export interface AdminServerOptions {
  readonly version: string;
  /** By name; each rejects with the reason if that part cannot do its work now. */
  readonly parts: Readonly<Record<string, () => Promise<void>>>;
  readonly prewarm: Prewarm;
  readonly upkeep: Upkeep;
  readonly decisions: Decisions;
  readonly images: Images;
  readonly audit?: Pick<AuditLog, 'asked'> | undefined;
  readonly access: AdminAccess;
}

const checkLimitMs = 3000;
const bodyLimit = 64 * 1024;
const stateSchema = describeRoute('state', {
  summary: 'Which version runs, and how the parts of the cache are',
  description: 'For everybody.',
  answer: object({
    version: text(),
    healthy: flag(),
    parts: { type: 'object', additionalProperties: text('ok, or why not.') },
  }),
});

/**
 * `GET /`: `{ version, healthy, parts: { index: 'ok', store: '<why not>' } }`, for everybody. The rest is below `/v1/`, and the
 * console below `/console/`. Whoever builds it listens and closes.
 */
export function buildAdminServer(options: AdminServerOptions): FastifyInstance {
  const { version, parts, prewarm, upkeep, decisions, images, access, audit } = options;
  const app = fastify({ logger: false, exposeHeadRoutes: true, forceCloseConnections: 'idle', bodyLimit });
  guardBrowsers(app, { isLoopbackOnly: access === 'look' });
  addDescription(app, version);
  void app.register(async (openApp) => {
    openApp.get('/', { schema: stateSchema }, async (request, reply) => {
      if (/\btext\/html\b/.test(request.headers.accept ?? '')) return reply.redirect('/console/', 302);
      const states = await Promise.all(
        Object.entries(parts).map(async ([name, check]) => [name, await stateOf(check)] as const),
      );
      const healthy = states.every(([, state]) => state === 'ok');
      return reply.header('cache-control', 'no-store').send({ version, healthy, parts: Object.fromEntries(states) });
    });
  });
  void app.register(async (protectedApp) => {
    requireOperator(protectedApp, access);
    if (audit !== undefined)
      protectedApp.addHook('onResponse', async (request, reply) => noteAsked(audit, request, reply));
    addPrewarmRoute(protectedApp, prewarm);
    addUpkeepRoutes(protectedApp, upkeep);
    addDecisionRoutes(protectedApp, decisions);
    addImageRoutes(protectedApp, images);
    addImageChangeRoutes(protectedApp, images);
    addDescriptionRoute(protectedApp);
  });
  void app.register(async (consoleApp) => {
    // Where nobody can show anything, the page is there to say so.
    if (typeof access === 'object') requireOperator(consoleApp, access);
    await serveConsole(consoleApp);
  });
  return app;
}

/** What changes something, and whoever was turned away with what he showed. The console looks every second. */
function noteAsked(audit: Pick<AuditLog, 'asked'>, request: FastifyRequest, { statusCode: status }: FastifyReply) {
  const { method, url, ip, body: wish, operator, headers } = request;
  if (isReading(request) && (headers.authorization === undefined || ![401, 403, 429].includes(status))) return;
  const address = ip === '' ? undefined : ip;
  const by = operator === '' ? (address ?? 'a user of this machine') : operator;
  audit.asked({ by, address, what: `${method} ${url}`, wish, status });
}

async function stateOf(check: () => Promise<void>): Promise<string> {
  try {
    await within(check(), checkLimitMs);
    return 'ok';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
