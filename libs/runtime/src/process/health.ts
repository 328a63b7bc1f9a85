// Builds the HTTP server for health, readiness and metrics of this process. It never shares the port of the pull API.
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { isLoopbackName } from '../is-loopback-name.ts';
import { within } from '../within.ts';
import { withoutSchemas } from './create-http-app.ts';

/** Rejects with the reason if the checked part does not work. */
export type HealthCheck = () => Promise<void>;

export interface HealthOptions {
  /** The checks by name, for example `store`. */
  readonly checks: Readonly<Record<string, HealthCheck>>;
  /** Checks whose failures are reported but do not make the process unready. */
  readonly degraded?: Readonly<Record<string, HealthCheck>>;
  /** Returns true while clients should send no new requests to this process, so that it is not ready. */
  readonly isDraining: () => boolean;
  /** The registry of prom-client. Unset means that no metrics are served. */
  readonly metricsRegistry?: { readonly contentType: string; metrics(): Promise<string> } | undefined;
  readonly metricsPath?: string | undefined;
  /**
   * True if the server listens only on loopback. Then a request whose `Host` names another machine gets no metrics and
   * no reasons of failed checks.
   */
  readonly isLoopbackOnly?: boolean;
  /** The timeout of a check. */
  readonly checkLimitMs?: number;
}

/**
 * `/healthz` reports that the process is alive, and `/readyz` whether it is ready. `/debug/health` works as in
 * registry:2. The caller listens with the instance and closes it.
 */
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

  // A web page can make its own name resolve to this machine (DNS rebinding), so a foreign name gets no details. It
  // still gets the status, because load balancers use any name. With HTTP/1.0 they send none.
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
        return reply.code(421).send({ message: 'Use a name of this machine, for example localhost.' });
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

/** Runs all checks. Resolves to the reasons of failed checks, by name. */
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
