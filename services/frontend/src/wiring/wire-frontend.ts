// Wires a frontend: the authentication and limits of clients, the use cases of a pull, and the webhooks of upstreams.
import { randomBytes } from 'node:crypto';
import { createAuthorize, type ClientLimits, unlimited } from '@cistern/auth';
import type { Config } from '@cistern/config';
import type { NodeContext } from '@cistern/runtime/process';
import { type CheckAccess, watchWorkers, type WorkerWatch } from '@cistern/pull-through';
import { createPushes, type Pushes } from '@cistern/prewarm';
import type { FillTable } from '@cistern/fills';
import { createUpstreamTable } from '@cistern/upstream';
import { type Assembled, createStoreHealth, type Shared, openShared, redisOf } from '@cistern/assembly';
import { type Closers, openAll, createSeal, type Seal } from '@cistern/runtime';
import { type Access, openAccess } from './open-access.ts';
import { type Audit, openAudit, openReporting } from '@cistern/operations';
import { openCallerAccess } from './open-caller-access.ts';
import { openPullThrough } from './open-pull-through.ts';
import { type OpenedTls, openTls } from './open-tls.ts';
import type { Logger } from '@cistern/telemetry';
import type { V2Dependencies } from '../v2/v2-dependencies.ts';

type Served = Pick<V2Dependencies, 'pullThrough' | 'upstreams' | 'authorize' | 'limits' | 'pageSeal' | 'instanceId'>;

export interface FrontendParts extends Access, OpenedTls, Served {
  readonly audit: Audit;
  /** Encrypts credentials for upstreams that verify callers. `undefined` if no upstream verifies callers. */
  readonly callerSeal: Seal | undefined;
  /** The clock of the index, which all nodes share. */
  readonly now: () => number;
  /** Takes the pushed images that upstreams report by webhooks. */
  readonly pushes: Pushes;
}

export type FrontendAssembly = FrontendParts & Assembled;

/** The worker in the same process. */
export interface OwnWorker {
  readonly fills: FillTable;
  readonly address: string;
  readonly checkAccess: CheckAccess;
}

export async function wireFrontend(
  config: Config,
  shared: Shared,
  context: NodeContext & { readonly worker?: OwnWorker; readonly workers?: WorkerWatch },
  closers: Closers,
): Promise<FrontendParts> {
  const { log, worker } = context;
  const { instanceId, jobs } = shared;
  const access = await openAccess(config, shared, log, closers);
  const callers = await openCallerAccess(config, shared, { ...context, check: worker?.checkAccess }, closers);
  const serving = { fills: worker?.fills, address: worker?.address ?? '', verifyAccess: callers?.verify };
  // The frontends of a cluster need the same secret, because the client may request the next page from another frontend. A single
  // process uses a random secret.
  const secret = config.cluster?.secret.reveal() ?? randomBytes(32).toString('base64url');
  return {
    ...access,
    audit: openAudit(config, worker === undefined ? 'frontend' : 'standalone', shared, context, closers),
    limits: await openLimits(config, shared, log),
    callerSeal: callers?.callerSeal,
    now: shared.index.now,
    pageSeal: createSeal(secret, 'list pages'),
    pullThrough: openPullThrough(config, shared, { ...context, ...serving }, closers),
    pushes: closers.opened(createPushes({ queue: jobs.queue, log, now: shared.index.now })),
    upstreams: createUpstreamTable(config.upstreams),
    authorize: createAuthorize(config.access),
    instanceId,
    ...(await openTls(config, shared, context, closers)),
  };
}

/**
 * Assembles a frontend without a worker. The frontend opens no connection to an upstream, and writes nothing to a disk. If a part
 * cannot be opened, this function closes the other parts and then rejects.
 */
export function assembleFrontend(config: Config, context: NodeContext): Promise<FrontendAssembly> {
  return openAll(async (closers) => {
    const shared = await openShared(config, context, closers);
    const workers = watchWorkers(shared.index);
    const parts = await wireFrontend(config, shared, { ...context, workers }, closers);
    openReporting(config, 'frontend', shared, context, closers);
    return {
      ...parts,
      ...createStoreHealth(config, shared.store),
      checkIndex: () => shared.index.check(),
      checkWorkers: workers.assertAlive,
      close: () => closers.closeAll(),
    };
  });
}

/** Opens the limits of clients. Nodes that use the same Redis share their counters. */
async function openLimits(
  config: Pick<Config, 'limits' | 'redis'>,
  { index }: Pick<Shared, 'index'>,
  log: Logger,
): Promise<ClientLimits> {
  const { requestsPerMinute, bytesPerDay } = config.limits;
  if (requestsPerMinute === undefined && bytesPerDay === undefined) return unlimited;
  const { createClientLimits } = await import('@cistern/auth/limits');
  return createClientLimits({ requestsPerMinute, bytesPerDay, shared: redisOf(config, index), log });
}
