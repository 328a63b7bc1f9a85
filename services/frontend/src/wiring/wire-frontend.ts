// Wires a frontend: the authentication and limits of clients, the use cases of a pull, and the webhooks of upstreams.
import { randomBytes } from 'node:crypto';
import type { NodeConfig } from '@cistern/config';
import type { NodeContext, NodeWork } from '@cistern/runtime/process';
import { type CheckAccess, watchWorkers, type WorkerWatch } from '@cistern/pull-through';
import { createPushes, type Pushes } from '@cistern/prewarm';
import type { FillTable } from '@cistern/fills';
import { createStoreHealth, type Shared, openShared } from '@cistern/assembly';
import { type Closers, openAll, createSeal } from '@cistern/runtime';
import { type ClientSettings, openClientSettings } from './open-client-settings.ts';
import { type Audit, openAudit, openProblems, openReporting } from '@cistern/operations';
import { type CallerAccess, openCallerAccess } from './open-caller-access.ts';
import { openPullThrough } from './open-pull-through.ts';
import { type OpenedTls, openTls } from './open-tls.ts';
import type { V2Dependencies } from '../v2/v2-dependencies.ts';

type Served = Pick<V2Dependencies, 'pullThrough' | 'pageSeal' | 'instanceId'>;

export interface FrontendParts extends ClientSettings, OpenedTls, Served, Omit<CallerAccess, 'verifyAccess'> {
  readonly audit: Audit;
  /** The clock of the index, which all nodes share. */
  readonly now: () => number;
  /** Takes the pushed images that upstreams report by webhooks. */
  readonly pushes: Pushes;
}

export type FrontendAssembly = FrontendParts & NodeWork;

/** The worker in the same process. */
export interface OwnWorker {
  readonly fills: FillTable;
  readonly address: string;
  readonly checkAccess: CheckAccess;
}

export async function wireFrontend(
  config: NodeConfig,
  shared: Shared,
  context: NodeContext & { readonly worker?: OwnWorker; readonly workers?: WorkerWatch },
  closers: Closers,
): Promise<FrontendParts> {
  const { log, worker } = context;
  const { instanceId, jobs } = shared;
  const clients = await openClientSettings(config, shared, log, closers);
  const { verifyAccess, ...callers } = await openCallerAccess(
    config,
    shared,
    { ...context, check: worker?.checkAccess },
    closers,
  );
  const serving = { fills: worker?.fills, address: worker?.address ?? '', verifyAccess };
  // The frontends of a cluster need the same secret, because the client may request the next page from another frontend. A single
  // process uses a random secret.
  const secret = config.cluster?.secret.reveal() ?? randomBytes(32).toString('base64url');
  return {
    ...clients,
    ...callers,
    audit: openAudit(config, worker === undefined ? 'frontend' : 'standalone', shared, context, closers),
    now: shared.index.now,
    pageSeal: createSeal(secret, 'list pages'),
    pullThrough: openPullThrough(config, shared, { ...context, ...serving }, closers),
    pushes: closers.opened(createPushes({ queue: jobs.queue, log, now: shared.index.now })),
    instanceId,
    ...(await openTls(config, shared, context, closers)),
  };
}

/**
 * Assembles a frontend without a worker. The frontend opens no connection to an upstream, and writes nothing to a disk. If a part
 * cannot be opened, this function closes the other parts and then rejects.
 */
export function assembleFrontend(config: NodeConfig, context: NodeContext): Promise<FrontendAssembly> {
  return openAll(async (closers) => {
    const shared = await openShared(config, context, closers);
    const workers = watchWorkers(shared.index);
    const parts = await wireFrontend(config, shared, { ...context, workers }, closers);
    const { index, store } = shared;
    const checked = { index, ...createStoreHealth(config, store), workers };
    const { problems } = openProblems(config, checked, context, closers);
    openReporting(config, 'frontend', { index, problems }, context, closers);
    return {
      ...parts,
      problems,
      close: () => closers.closeAll(),
    };
  });
}
