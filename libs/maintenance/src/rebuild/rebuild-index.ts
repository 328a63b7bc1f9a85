// Rebuilds the index from the store while the cache runs. All workers rebuild in parallel: each takes the lease of a
// part and processes it. The index keeps the marks of finished parts. So an interrupted rebuild continues, but a
// rebuild after another loss of data starts again (decision 0057).
import { setTimeout as delay } from 'node:timers/promises';
import { markUnread } from '@cistern/content';
import { withLease } from '@cistern/index';
import { forEachBounded } from '@cistern/runtime';
import type { Logger } from '@cistern/telemetry';
import { tolerateFailure } from '../tolerate-failure.ts';
import { type PartDeps, type RebuildItem, type RebuildPart, rebuildParts } from './rebuild-parts.ts';

export interface RebuildOptions extends Pick<PartDeps, 'index' | 'store' | 'now'> {
  readonly log: Logger;
  readonly signal?: AbortSignal | undefined;
  /** Called about once a second, and at the end. */
  readonly onProgress?: ((progress: RebuildProgress) => void) | undefined;
}

/** Numbers of objects that this process has examined, and how many of them were new to the index. */
export interface RebuildProgress {
  readonly step: RebuildPart['step'] | 'done';
  readonly blobs: number;
  readonly blobsAdded: number;
  /** Number of links objects. There is one for each manifest in each repository. */
  readonly manifests: number;
  readonly tags: number;
  readonly tagsAdded: number;
  /** Objects that could not be read. */
  readonly failed: number;
}

export interface RebuildResult extends RebuildProgress {
  /** False if the index lost data meanwhile; the rebuild must run again. */
  readonly isComplete: boolean;
}

const progressEveryMs = 1000;
const partsAtOnce = 8;
const itemsAtOnce = 4;
/** How long a process waits while other processes handle all remaining parts. */
const othersPauseMs = 1000;

/**
 * Rebuilds the index. If the index is already complete, compares it with the whole store again. Skips unreadable
 * objects; `rereadParts` reads their parts again. Rejects with `store-unavailable`, `index-unavailable` or the signal's
 * reason; another run continues.
 */
export async function rebuildIndex(options: RebuildOptions): Promise<RebuildResult> {
  const { index, store, onProgress, signal } = options;
  const readsAll = await index.epoch.isComplete();
  const epoch = await index.epoch.current();
  const doneHere = new Set<string>();
  const progress: Progress = {
    step: 'blobs',
    blobs: 0,
    blobsAdded: 0,
    manifests: 0,
    tags: 0,
    tagsAdded: 0,
    failed: 0,
  };
  const deps: WalkDeps = { ...options, readsAll, count: (kind) => (progress[kind] += 1) };
  const readDone = async (): Promise<ReadonlySet<string>> =>
    readsAll ? doneHere : new Set([...doneHere, ...(await index.epoch.marks(epoch))]);
  const isDone = async (mark: string): Promise<boolean> =>
    doneHere.has(mark) || (!readsAll && (await index.epoch.hasMark(epoch, mark)));

  /** Processes the part unless it is done. Returns false if another process holds the lease of the part. */
  async function take(part: RebuildPart): Promise<boolean> {
    const isTaken = await withLease({ index, name: leaseOf(part), signal }, async (held) => {
      if (await isDone(walkedMark(part))) return true;
      const failed = await walkPart({ ...deps, signal: held }, part, epoch);
      progress.failed += failed;
      doneHere.add(walkedMark(part));
      return true;
    });
    return isTaken === true;
  }

  // A new cache has no blobs. It would list 256 empty shards, which takes 4 MB of memory.
  const parts = (await hasBlobs(store)) ? rebuildParts : rebuildParts.filter(({ step }) => step !== 'blobs');
  const timer = setInterval(() => onProgress?.({ ...progress }), progressEveryMs);
  try {
    while ((await index.epoch.current()) === epoch) {
      const done = await readDone();
      const open = parts.filter((part) => !done.has(walkedMark(part)));
      const step = open[0]?.step;
      if (step === undefined) break;
      progress.step = step;
      const begin = Math.floor(Math.random() * open.length);
      let taken = 0;
      await forEachBounded(
        [...open.slice(begin), ...open.slice(0, begin)].filter((part) => part.step === step),
        { atOnce: partsAtOnce, signal },
        async (part) => {
          if (await take(part)) taken += 1;
        },
      );
      if (taken === 0) await delay(othersPauseMs, undefined, { signal });
    }
    signal?.throwIfAborted();
    progress.step = 'done';
    const isComplete = await index.epoch.markComplete(epoch);
    onProgress?.({ ...progress });
    return { ...progress, isComplete };
  } finally {
    clearInterval(timer);
  }
}

/**
 * Reads parts with unreadable objects again. Resolves to the number of such parts that are left. Rejects as
 * `rebuildIndex` does.
 */
export async function rereadParts(options: RebuildOptions): Promise<number> {
  const { index, signal } = options;
  const epoch = await index.epoch.current();
  const marks = await index.epoch.marks(epoch);
  const unread = rebuildParts.filter((part) => marks.has(walkedMark(part)) && !marks.has(readMark(part)));
  let left = unread.length;
  for (const part of unread)
    await withLease({ index, name: leaseOf(part), signal }, async (held) => {
      if ((await walkPart({ ...options, readsAll: false, count() {}, signal: held }, part, epoch)) === 0) left -= 1;
    });
  return left;
}

async function hasBlobs(store: RebuildOptions['store']): Promise<boolean> {
  for await (const _ of store.list()) return true;
  return false;
}

type Progress = { -readonly [K in keyof RebuildProgress]: RebuildProgress[K] };

interface WalkDeps extends PartDeps {
  readonly log: Logger;
  readonly signal?: AbortSignal | undefined;
}

/** Adds all objects of a part to the index. Resolves to the number of objects that could not be read. */
async function walkPart(deps: WalkDeps, part: RebuildPart, epoch: string): Promise<number> {
  const { index, log, signal } = deps;
  const failed: RebuildItem[] = [];
  let reason: unknown;
  await forEachBounded(part.items(deps), { atOnce: itemsAtOnce, signal }, (item) => {
    const onFailure = (error: unknown) => {
      reason = error;
      failed.push(item);
    };
    return tolerateFailure({ ...deps, onFailure }, item.adopt);
  });
  const objects = failed.length;
  if (objects === 0) await index.epoch.mark(epoch, readMark(part));
  else
    log.warn({ err: reason, part: part.name, objects, object: failed[0]?.name }, 'rebuild skipped unreadable objects');
  for (const { repository } of failed) if (repository !== undefined) await markUnread(index, repository);
  await index.epoch.mark(epoch, walkedMark(part));
  return objects;
}

function leaseOf(part: RebuildPart): string {
  return `rebuild/${part.name}`;
}

/** Returns the mark of a part whose items were all visited. */
function walkedMark(part: RebuildPart): string {
  return `walked ${part.name}`;
}

/** Returns the mark of a part whose items could all be read. */
function readMark(part: RebuildPart): string {
  return `read ${part.name}`;
}
