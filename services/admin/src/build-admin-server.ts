// The admin server's API. So far it says which version runs, and how the parts of the cache are.
import { within } from '@cistern/process';
import { fastify, type FastifyInstance } from 'fastify';

export interface AdminServerOptions {
  readonly version: string;
  /** By name; each rejects with the reason if that part cannot do its work now. */
  readonly parts: Readonly<Record<string, () => Promise<void>>>;
}

const checkLimitMs = 3000;

/** `GET /`: `{ version, healthy, parts: { index: 'ok', store: '<why not>' } }`. Whoever builds it listens and closes. */
export function buildAdminServer({ version, parts }: AdminServerOptions): FastifyInstance {
  const app = fastify({ logger: false, exposeHeadRoutes: true, forceCloseConnections: 'idle', bodyLimit: 64 * 1024 });
  app.get('/', async (_request, reply) => {
    const states = await Promise.all(
      Object.entries(parts).map(async ([name, check]) => [name, await stateOf(check)] as const),
    );
    const healthy = states.every(([, state]) => state === 'ok');
    return reply.header('cache-control', 'no-store').send({ version, healthy, parts: Object.fromEntries(states) });
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
