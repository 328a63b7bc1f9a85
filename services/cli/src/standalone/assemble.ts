// A frontend, a worker and what operators ask, in one process.
import type { Config } from '@cistern/config';
import type { NodeContext } from '@cistern/runtime/process';
import { openAll } from '@cistern/runtime';
import { openShared } from '@cistern/assembly';
import { openOperations, openReporting, type Operations } from '@cistern/operations';
import { type FrontendAssembly, wireFrontend } from '@cistern/frontend';
import { wireWorker, type WorkerAssembly, workerAssembly } from '@cistern/worker';

export type StandaloneAssembly = FrontendAssembly & WorkerAssembly & Operations;

/** Rejects, with everything closed again, when a part cannot be opened. */
export function assemble(config: Config, context: NodeContext): Promise<StandaloneAssembly> {
  return openAll(async (closers) => {
    const shared = await openShared(config, context, closers);
    const worker = await wireWorker(config, shared, context, closers);
    openReporting(config, 'standalone', { index: shared.index, ...worker }, context, closers);
    return {
      ...(await wireFrontend(config, shared, { ...context, worker }, closers)),
      ...workerAssembly(worker, config, shared, context, closers),
      ...openOperations(config, shared, shared.jobs, context.log),
    };
  });
}
