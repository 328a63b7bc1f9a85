// Builds the HTTP server for health, readiness and metrics of this process. It never shares the port of the pull API.
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { isLoopbackName } from '../is-loopback-name.ts';
import { withoutSchemas } from './create-http-app.ts';
import type { Problem, ProblemBoard } from './problem-board.ts';

export interface HealthOptions {
  readonly problems: Pick<ProblemBoard, 'look'>;
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
}

/**
 * `/healthz` reports that the process is alive, and `/readyz` whether it is ready. `/debug/health` works as in
 * registry:2. The caller listens with the instance and closes it.
 */
export function buildHealth(options: HealthOptions): FastifyInstance {
  const { problems, isDraining, metricsRegistry, metricsPath = '/metrics', isLoopbackOnly = false } = options;
  const app = fastify({ ...withoutSchemas, logger: false, exposeHeadRoutes: true, forceCloseConnections: true });

  // A web page can make its own name resolve to this machine (DNS rebinding), so a foreign name gets no details. It
  // still gets the status, because load balancers use any name. With HTTP/1.0 they send none.
  const isForeign = ({ hostname }: FastifyRequest) => isLoopbackOnly && hostname !== '' && !isLoopbackName(hostname);

  app.get('/healthz', (_request, reply) => reply.send({ alive: true }));
  app.get('/readyz', async (request, reply) => {
    const found = await problems.look();
    const [failing, degraded] = [reasonsOf(found, true), reasonsOf(found, false)];
    const draining = isDraining();
    const ready = !draining && Object.keys(failing).length === 0;
    const details = { draining, failing, degraded, problems: found.map(describeProblem) };
    return send(reply, ready, isForeign(request) ? { ready } : { ready, ...details });
  });
  app.get('/debug/health', async (request, reply) => {
    const failing = reasonsOf(await problems.look(), true);
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

/** Returns the reasons of the problems by part: those that make the process unready, or the others. */
function reasonsOf(problems: readonly Problem[], wantsUnready: boolean): Readonly<Record<string, string>> {
  const wanted = problems.filter(({ isUnready = false }) => isUnready === wantsUnready);
  const byPart = Map.groupBy(wanted, ({ part }) => part);
  return Object.fromEntries([...byPart].map(([part, found]) => [part, found.map(({ reason }) => reason).join(' ')]));
}

function describeProblem({ isUnready: _isUnready, sinceMs, subject, node, ...problem }: Problem) {
  return { ...problem, subject: subject ?? null, node: node ?? null, since: sinceMs };
}
