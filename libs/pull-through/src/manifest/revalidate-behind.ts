// Revalidation behind an answer that was stale: one background job for the whole cluster, however many clients ask.
import type { TagRecord } from '@cistern/index';
import { isCacheError } from '@cistern/errors';
import type { JobQueue } from '@cistern/jobs';
import type { Logger } from '@cistern/telemetry';
import { workerRequestKey } from '../requests/request-from-worker.ts';
import { createRecent } from '@cistern/runtime';
import { seenOf } from './resolve-tag.ts';

export type RevalidateBehind = (record: TagRecord) => void;

/** For so long this process leaves a job that it has added to itself; one that was lost is added again then. */
const addedForMs = 5_000;
const maxAdded = 10_000;

export function createRevalidateBehind({
  queue,
  log,
  now,
}: {
  readonly queue: JobQueue;
  readonly log: Logger;
  readonly now: () => number;
}): RevalidateBehind {
  const added = createRecent<string, number>({ max: maxAdded, ttlMs: addedForMs, now });

  return (record) => {
    const { upstream, repository, tag, lastTriedAtMs } = record;
    const dedupKey = workerRequestKey('revalidate-tag', record, tag);
    if (added.get(dedupKey) === lastTriedAtMs) return;
    added.set(dedupKey, lastTriedAtMs);
    const payload = { upstream, repository, tag, by: 'head', ...seenOf(record) } as const;
    queue.add('revalidate-tag', payload, { dedupKey, class: 'background' }).catch((error: unknown) => {
      added.delete(dedupKey);
      if (!isCacheError(error, 'index-unavailable', 'overloaded'))
        log.error({ err: error, upstream, repository, tag }, 'a tag cannot be revalidated behind the answer');
    });
  };
}
