// The composition root: chooses every adapter by the configuration and puts a process together.
import { randomBytes } from 'node:crypto';
import { type Authorize, createAuthorize } from '@cistern/auth';
import type { Config } from '@cistern/config';
import { type ClientLimits } from '@cistern/limits';
import { type AnswerPeer, createPushes, type PullThrough, type Pushes, type Seal } from '@cistern/pull-through';
import { type UpstreamTable, createUpstreamTable } from '@cistern/upstream';
import type { AssembleOptions } from './assemble-options.ts';
import { type Closers, openAll } from './closers.ts';
import { type Access, openAccess } from './open-access.ts';
import { type Audit, openAudit } from './open-audit.ts';
import { createStoreHealth, type StoreHealth } from './create-store-health.ts';
import { openLimits } from './open-limits.ts';
import { openCallerAccess } from './open-caller-access.ts';
import { openPrewarming, type Prewarm } from './open-prewarming.ts';
import { openServing } from './open-serving.ts';
import { openIssuer } from './open-issuer.ts';
import { type OpenedTls, openTls } from './open-tls.ts';
import { type Shared, openShared } from './open-shared.ts';
import { type Images, openImages } from './images/open-images.ts';
import { type Nodes, openNodes } from './open-nodes.ts';
import { openReporting } from './open-reporting.ts';
import { type Decisions, openDecisions } from './open-decisions.ts';
import { openUpkeep, type Upkeep } from './open-upkeep.ts';
import { openWorking, type Working } from './open-working.ts';
import { createSeal } from './seal.ts';

interface Assembled extends StoreHealth {
  /** Rejects when the index cannot do its work now. */
  checkIndex(): Promise<void>;
  /** Lets fills end for up to `graceMs`, then closes everything. */
  close(graceMs: number): Promise<void>;
}

export interface FrontendAssembly extends Assembled, Access, OpenedTls {
  readonly pullThrough: PullThrough;
  readonly upstreams: UpstreamTable;
  /** Who may pull what. */
  readonly authorize: Authorize;
  /** And how much. */
  readonly limits: ClientLimits;
  readonly audit: Audit;
  /** Seals what clients show upstreams that verify them; `undefined`: none does. */
  readonly callerSeal: Seal | undefined;
  /** Seals the pages of lists that clients are sent to. */
  readonly pageSeal: Seal;
  /** What upstreams say that was pushed to them. */
  readonly pushes: Pushes;
  /** Tells this cache's own requests when they come back to it. */
  readonly instanceId: string;
}

export interface WorkerAssembly extends Assembled {
  /** Begins to take jobs: once its own server listens. */
  start(): Promise<void>;
  /** What the worker's own server answers; absent where there are no other nodes. */
  readonly answerPeer: AnswerPeer | undefined;
}

export interface StandaloneAssembly extends FrontendAssembly, WorkerAssembly {
  readonly nodes: Nodes;
  readonly prewarm: Prewarm;
  readonly upkeep: Upkeep;
  readonly decisions: Decisions;
  readonly images: Images;
}

/** A frontend and a worker in one process. Rejects, with everything closed again, when a part cannot be opened. */
export function assemble(config: Config, options: AssembleOptions): Promise<StandaloneAssembly> {
  return openAll(async (closers) => {
    const shared = await openShared(config, options, closers);
    const access = await openAccess(config, shared, options.log, closers);
    const working = await openWorking(config, shared, options, closers);
    const { fills, address, answerPeer, checkAccess } = working;
    const callers = await openCallerAccess(config, shared, { ...options, check: checkAccess }, closers);
    const verifyAccess = callers?.verify;
    openReporting(config, 'standalone', { index: shared.index, ...working }, options, closers);
    return {
      audit: openAudit(config, 'standalone', shared, options, closers),
      ...describe(config, shared),
      ...createStoreHealth(config, shared.store, working.disk),
      ...access,
      limits: await openLimits(config, shared, options.log),
      answerPeer,
      callerSeal: callers?.callerSeal,
      nodes: openNodes(config, shared, shared.jobs),
      upkeep: openUpkeep(config, shared, options.log),
      decisions: openDecisions(config, shared),
      images: openImages(config, { ...shared, queue: shared.jobs.queue }),
      start: () => start(working, config, shared, options, closers),
      prewarm: openPrewarming(config, { index: shared.index, queue: shared.jobs.queue }),
      pullThrough: openServing(config, shared, { ...options, fills, address, verifyAccess }, closers),
      pushes: openPushes(shared, options, closers),
      ...(await openTls(config, shared, options, closers)),
      async close(graceMs) {
        await working.close(graceMs);
        await closers.closeAll();
      },
    };
  });
}

/** A frontend alone: it opens no connection to an upstream and writes nothing to a disk. Rejects as `assemble`. */
export function assembleFrontend(config: Config, options: AssembleOptions): Promise<FrontendAssembly> {
  return openAll(async (closers) => {
    const shared = await openShared(config, options, closers);
    const access = await openAccess(config, shared, options.log, closers);
    const callers = await openCallerAccess(config, shared, options, closers);
    openReporting(config, 'frontend', shared, options, closers);
    const serving = { ...options, fills: undefined, address: '', verifyAccess: callers?.verify };
    return {
      ...describe(config, shared),
      ...createStoreHealth(config, shared.store),
      ...access,
      audit: openAudit(config, 'frontend', shared, options, closers),
      limits: await openLimits(config, shared, options.log),
      callerSeal: callers?.callerSeal,
      pullThrough: openServing(config, shared, serving, closers),
      pushes: openPushes(shared, options, closers),
      ...(await openTls(config, shared, options, closers)),
      close: () => closers.closeAll(),
    };
  });
}

/** A worker alone. Rejects as `assemble`. */
export function assembleWorker(config: Config, options: AssembleOptions): Promise<WorkerAssembly> {
  return openAll(async (closers) => {
    const shared = await openShared(config, options, closers);
    const working = await openWorking(config, shared, options, closers);
    openReporting(config, 'worker', { index: shared.index, ...working }, options, closers);
    return {
      ...createStoreHealth(config, shared.store, working.disk),
      checkIndex: () => shared.index.check(),
      answerPeer: working.answerPeer,
      start: () => start(working, config, shared, options, closers),
      async close(graceMs) {
        await working.close(graceMs);
        await closers.closeAll();
      },
    };
  });
}

async function start(working: Working, config: Config, shared: Shared, options: AssembleOptions, { opened }: Closers) {
  await working.start();
  const issuer = openIssuer(config, shared, options);
  if (issuer !== undefined) opened(issuer);
}

function openPushes({ jobs }: Shared, { log }: AssembleOptions, { opened }: Closers): Pushes {
  return opened(createPushes({ queue: jobs.queue, log, now: Date.now }));
}

function describe({ upstreams, access, cluster }: Config, { index, instanceId }: Shared) {
  // In a cluster another frontend gets the next page; a single process has none to share it with.
  const secret = cluster?.secret.reveal() ?? randomBytes(32).toString('base64url');
  return {
    pageSeal: createSeal(secret, 'list pages'),
    upstreams: createUpstreamTable(upstreams),
    authorize: createAuthorize(access),
    instanceId,
    checkIndex: () => index.check(),
  };
}
