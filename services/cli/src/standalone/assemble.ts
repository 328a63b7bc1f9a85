// A frontend, a worker and what operators ask, in one process.
import type { Config } from '@cistern/config';
import type { NodeContext } from '@cistern/runtime/process';
import { openAll } from '@cistern/runtime';
import { openShared } from '@cistern/assembly';
import {
  type Images,
  openImages,
  type Decisions,
  openDecisions,
  type Nodes,
  openNodes,
  openPrewarming,
  type Prewarm,
  openReporting,
  openUpkeep,
  type Upkeep,
} from '@cistern/operations';
import { type FrontendAssembly, wireFrontend } from '@cistern/frontend';
import { wireWorker, type WorkerAssembly, workerAssembly } from '@cistern/worker';

export interface StandaloneAssembly extends FrontendAssembly, WorkerAssembly {
  readonly nodes: Nodes;
  readonly prewarm: Prewarm;
  readonly upkeep: Upkeep;
  readonly decisions: Decisions;
  readonly images: Images;
}

/** Rejects, with everything closed again, when a part cannot be opened. */
export function assemble(config: Config, context: NodeContext): Promise<StandaloneAssembly> {
  return openAll(async (closers) => {
    const shared = await openShared(config, context, closers);
    const worker = await wireWorker(config, shared, context, closers);
    const { index, store, jobs } = shared;
    openReporting(config, 'standalone', { index, ...worker }, context, closers);
    return {
      ...(await wireFrontend(config, shared, { ...context, worker }, closers)),
      ...workerAssembly(worker, config, shared, context, closers),
      nodes: openNodes(config, shared, jobs),
      upkeep: openUpkeep(config, shared, context.log),
      decisions: openDecisions(config, shared),
      images: openImages(config, { index, store, queue: jobs.queue }),
      prewarm: openPrewarming(config, { index, queue: jobs.queue }),
    };
  });
}
