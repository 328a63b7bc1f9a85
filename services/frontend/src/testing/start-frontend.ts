// Starts a frontend on a free loopback port. Its logs and metrics stay in memory.
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { acceptAllClients, createAuthorize, unlimited } from '@cistern/auth';
import { createLogger, createMetrics, type Metrics } from '@cistern/telemetry';
import { createUpstreamTable } from '@cistern/upstream';
import type { FastifyInstance } from 'fastify';
import { buildFrontend, type FrontendOptions } from '../build-frontend.ts';
import { createTestSeal } from './create-test-seal.ts';
import { createMemoryPullThrough } from './memory-pull-through.ts';

export interface RunningFrontend {
  readonly app: FastifyInstance;
  readonly url: string;
  readonly port: number;
  readonly metrics: Metrics;
  /** The parsed lines of the log. */
  readonly log: readonly Record<string, unknown>[];
  /** Returns the log as it was written. */
  readonly logText: () => string;
  /** Empty without the option `accessLog`. */
  readonly accessLines: readonly string[];
}

/** With the option `accessLog`, its lines are in `accessLines`. */
export async function startFrontend(t: TestContext, options: Partial<FrontendOptions> = {}): Promise<RunningFrontend> {
  const metrics = createMetrics();
  const written: string[] = [];
  const log: Record<string, unknown>[] = [];
  const accessLines: string[] = [];
  const app = buildFrontend({
    pullThrough: createMemoryPullThrough(),
    upstreams: createUpstreamTable([
      { name: 'docker.io', isDefault: true },
      { name: 'ghcr.io', hosts: ['ghcr.test'] },
    ]),
    log: createLogger({
      level: 'debug',
      formatter: 'json',
      destination: {
        write(line) {
          written.push(line);
          log.push(JSON.parse(line) as Record<string, unknown>);
        },
      },
    }),
    metrics,
    authenticator: acceptAllClients(),
    limits: unlimited,
    authorize: createAuthorize({ rules: [], fallback: 'allow' }),
    headers: { 'X-Content-Type-Options': ['nosniff'] },
    trustedProxies: [],
    now: Date.now,
    instanceId: 'this-cluster',
    pageSeal: createTestSeal(),
    ...options,
    accessLog: options.accessLog && ((line) => accessLines.push(line)),
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  t.after(async () => {
    app.server.closeAllConnections();
    await app.close();
  });
  const { port } = app.server.address() as AddressInfo;
  return { app, url: `http://127.0.0.1:${port}`, port, metrics, log, logText: () => written.join(''), accessLines };
}
