// Before a worker ends: somebody else is asked to go on with each of its fills, while what is here can still be copied.
import type { CacheIndex } from '@cistern/index';
import type { JobQueue } from '@cistern/jobs';
import type { Logger } from '@cistern/telemetry';
import type { FillTable } from '../fill/fill-table.ts';

export interface HandOverDeps {
  readonly fills: FillTable;
  readonly index: CacheIndex;
  /** This process takes no jobs from it any more. */
  readonly queue: JobQueue;
  readonly log: Logger;
}

/** Resolves when others have been asked; whoever takes a fill over tells it by the record. Never rejects. */
export async function handOverFills({ fills, index, queue, log }: HandOverDeps): Promise<void> {
  for (const { fillId, digest } of fills.all()) {
    try {
      const record = await index.fills.read(digest);
      if (record?.fillId !== fillId || record.state !== 'running') continue;
      const { source, generation, class: fillClass } = record;
      const { upstream, repository } = source;
      const payload = { upstream, repository, digest, replaces: generation, from: 0 };
      await queue.add('fetch-blob', payload, { dedupKey: `${digest}.${generation}`, class: fillClass });
    } catch (error) {
      log.warn({ err: error, digest }, 'nobody could be asked to go on with a fill');
    }
  }
}
