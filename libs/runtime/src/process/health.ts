// The second listener: whether this process lives and is fit to serve, and its metrics. Never on the registry's own port.
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { isLoopbackName } from '../is-loopback-name.ts';
import { within } from '../within.ts';
import { withoutSchemas } from './create-http-app.ts';

/** Rejects with the reason if what it checks is not in order. */
export type HealthCheck = () => Promise<void>;

export interface HealthOptions {
  /** By name, for example `store`. */
  readonly checks: Readonly<Record<string, HealthCheck>>;
  /** Of parts that do not work fully, while the process is fit to serve. */
  readonly degraded?: Readonly<Record<string, HealthCheck>>;
  /** True from the moment that no new requests should be sent here. */
  readonly isDraining: () => boolean;
  /** Of prom-client; absent: no metrics are served. */
  readonly metricsRegistry?: { readonly contentType: string; metrics(): Promise<string> } | undefined;
  readonly metricsPath?: string | undefined;
  /** It listens for this machine alone: a request by another machine's name gets no metrics and no reasons. */
  readonly isLoopbackOnly?: boolean;
  /** A check that takes longer has failed. */
  readonly checkLimitMs?: number;
}

/** `/healthz`: alive. `/readyz`: fit to serve. `/debug/health`: as registry:2's. Whoever builds it listens and closes. */
export function buildHealth(options: HealthOptions): FastifyInstance {
  const {
    checks,
    degraded: lesser = {},
    isDraining,
    metricsRegistry,
    metricsPath = '/metrics',
    isLoopbackOnly = false,
    checkLimitMs = 3000,
  } = options;
  const app = fastify({ ...withoutSchemas, logger: false, exposeHeadRoutes: true, forceCloseConnections: true });

  // A page in a browser may have its own name point to this machine. Balancers check under any name, in HTTP/1.0 under none.
  const isForeign = ({ hostname }: FastifyRequest) => isLoopbackOnly && hostname !== '' && !isLoopbackName(hostname);

  app.get('/healthz', (_request, reply) => reply.send({ alive: true }));
  app.get('/readyz', async (request, reply) => {
    const [failing, degraded] = await Promise.all([
      findFailing(checks, checkLimitMs),
      findFailing(lesser, checkLimitMs),
    ]);
    const draining = isDraining();
    const ready = !draining && Object.keys(failing).length === 0;
    return send(reply, ready, isForeign(request) ? { ready } : { ready, draining, failing, degraded });
  });
  app.get('/debug/health', async (request, reply) => {
    const failing = await findFailing(checks, checkLimitMs);
    return send(reply, Object.keys(failing).length === 0, isForeign(request) ? {} : failing);
  });
  if (metricsRegistry !== undefined)
    app.get(metricsPath, async (request, reply) => {
      if (isForeign(request))
        return reply.code(421).send({ message: 'Ask by a name of this machine, for example localhost.' });
      return reply.type(metricsRegistry.contentType).send(await metricsRegistry.metrics());
    });
  return app;
}

function send(reply: FastifyReply, healthy: boolean, body: object): FastifyReply {
  return reply
    .code(healthy ? 200 : 503)
    .header('cache-control', 'no-store')
    .send(body);
}

/** Names of the checks that fail, with the reasons. */
async function findFailing(
  checks: Readonly<Record<string, HealthCheck>>,
  limitMs: number,
): Promise<Record<string, string>> {
  const failing: Record<string, string> = {};
  const run = async ([name, check]: [string, HealthCheck]) => {
    try {
      await within(check(), limitMs);
    } catch (error) {
      failing[name] = error instanceof Error ? error.message : String(error);
    }
  };
  await Promise.all(Object.entries(checks).map(run));
  return failing;
}
