// The admin server's API: which version runs, how the parts of the cache are, and what may be asked of it.
import type { Decisions, Images, Prewarm, Upkeep } from '@cistern/assembly';
import type { AuditLog } from '@cistern/telemetry';
import { isSameSecret } from '@cistern/pull-through';
import { within } from '@cistern/process';
import { fastify, type FastifyInstance } from 'fastify';
import { addDescription, addDescriptionRoute } from './add-description.ts';
import { addDecisionRoutes } from './decision-routes.ts';
import { describeRoute } from './describe-route.ts';
import { addImageRoutes } from './image-routes.ts';
import { flag, object, text } from './json-schema.ts';
import { addPrewarmRoute } from './prewarm-route.ts';
import { addUpkeepRoutes } from './upkeep-routes.ts';

export interface AdminServerOptions {
  readonly version: string;
  /** By name; each rejects with the reason if that part cannot do its work now. */
  readonly parts: Readonly<Record<string, () => Promise<void>>>;
  readonly prewarm: Prewarm;
  readonly upkeep: Upkeep;
  readonly decisions: Decisions;
  readonly images: Images;
  /** Of those who may do more than look: the value of their `Authorization`, `everybody` who can connect, or `nobody`. */
  readonly audit?: Pick<AuditLog, 'asked'> | undefined;
  readonly access: { readonly authorization: string } | 'everybody' | 'nobody';
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
 * `GET /`: `{ version, healthy, parts: { index: 'ok', store: '<why not>' } }`, for everybody. The rest is below `/v1/`.
 * Whoever builds it listens and closes.
 */
export function buildAdminServer(options: AdminServerOptions): FastifyInstance {
  const { version, parts, prewarm, upkeep, decisions, images, access, audit } = options;
  const app = fastify({ logger: false, exposeHeadRoutes: true, forceCloseConnections: 'idle', bodyLimit });
  addDescription(app, version);
  void app.register(async (openApp) => {
    openApp.get('/', { schema: stateSchema }, async (_request, reply) => {
      const states = await Promise.all(
        Object.entries(parts).map(async ([name, check]) => [name, await stateOf(check)] as const),
      );
      const healthy = states.every(([, state]) => state === 'ok');
      return reply.header('cache-control', 'no-store').send({ version, healthy, parts: Object.fromEntries(states) });
    });
  });
  void app.register(async (protectedApp) => {
    protectedApp.addHook('onResponse', ({ method, url, ip, body: wish }, { statusCode: status }, done) => {
      audit?.asked({ by: ip === '' ? 'a user of this machine' : ip, what: `${method} ${url}`, wish, status });
      done();
    });
    // Before a body is read.
    protectedApp.addHook('onRequest', (request, reply, done) => {
      if (access === 'everybody') done();
      else if (access === 'nobody')
        void reply.code(403).send({ message: 'Nobody may do this here: the configuration has no cluster.secretfile.' });
      else if (isSameSecret(request.headers.authorization, access.authorization)) done();
      else void reply.code(401).send({ message: "Only those with the cluster's secret may do this." });
    });
    addPrewarmRoute(protectedApp, prewarm);
    addUpkeepRoutes(protectedApp, upkeep);
    addDecisionRoutes(protectedApp, decisions);
    addImageRoutes(protectedApp, images);
    addDescriptionRoute(protectedApp);
  });
  return app;
}

async function stateOf(check: () => Promise<void>): Promise<string> {
  try {
    await within(check(), checkLimitMs);
    return 'ok';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
