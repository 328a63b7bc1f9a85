// A frontend's way to a fill: subscribe, read the record, ask for the job, read again. The record is the truth;
// announcements only wake. It waits for `running`, never for `done`.
import type { CacheIndex, FillRecord, RepositoryKey } from '@cistern/cache-index';
import { CacheError } from '@cistern/errors';
import type { JobQueue } from '@cistern/jobs';
import type { Digest } from '@cistern/oci';
import { fillTopic } from './fill-topic.ts';

export interface FollowDeps {
  readonly index: CacheIndex;
  readonly queue: JobQueue;
  readonly now: () => number;
}

export interface FollowRequest {
  readonly digest: Digest;
  /** Where to fetch from, should nobody be fetching. */
  readonly source: RepositoryKey;
  /** What the asker waits for, so that a small range need not wait for all before it. */
  readonly from: number;
  readonly toExclusive?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** `running`: read from it. `done`: it has been committed; read from the store. */
export interface Followed {
  readonly record: FillRecord & { readonly state: 'running' | 'done' };
  /** True if the fill was there before. */
  readonly joined: boolean;
}

const rereadMs = 500;
/** A job lost with its worker is asked for again after this long without a live record. */
const askAgainMs = 2_000;
/** Upstream's own deadlines end a fetch sooner; this bounds the queue. containerd gives up after five minutes. */
const deadlineMs = 240_000;

/** Rejects with the fill's failure, where it concerns this asker, or with `upstream-timeout`. */
export async function followFill(deps: FollowDeps, request: FollowRequest): Promise<Followed> {
  const { index, now } = deps;
  const { digest, source, signal } = request;
  const waker = createWaker(signal);
  const unsubscribe = await index.announcements.subscribe(fillTopic(digest), waker.wake);
  try {
    let seen = await index.fills.read(digest);
    const joined = seen !== undefined && isLive(seen);
    if (joined) seen = undefined;
    else await ask(deps, request, seen);
    const startedAtMs = now();
    let askedAtMs = startedAtMs;
    for (;;) {
      signal?.throwIfAborted();
      const record = await index.fills.read(digest);
      if (record !== undefined && record.fillId !== seen?.fillId) {
        if (hasBytes(record)) return { record, joined };
        if (record.state === 'failed') {
          if (isSame(record.source, source)) throw failureOf(record);
          // What was wrong with another repository or upstream says nothing about this asker's.
          seen = record;
          await ask(deps, request, seen);
        }
      } else if (now() - askedAtMs > askAgainMs) {
        askedAtMs = now();
        await ask(deps, request, seen);
      }
      if (now() - startedAtMs > deadlineMs)
        throw new CacheError('upstream-timeout', 'The blob did not begin to arrive in time.', { retryable: true });
      await waker.wait(rereadMs);
    }
  } finally {
    unsubscribe();
  }
}

/** The record that has ended is replaced, whatever its generation. */
async function ask({ queue }: FollowDeps, request: FollowRequest, ended: FillRecord | undefined): Promise<void> {
  const { digest, source, from, toExclusive } = request;
  const replaces = ended?.generation ?? 0;
  await queue.add(
    'fetch-blob',
    { ...source, digest, replaces, from, ...(toExclusive !== undefined && { toExclusive }) },
    { dedupKey: `${digest}.${replaces}`, class: 'interactive' },
  );
}

function isLive({ state }: FillRecord): boolean {
  return state === 'starting' || state === 'running';
}

function hasBytes(record: FillRecord): record is Followed['record'] {
  return record.state === 'running' || record.state === 'done';
}

function isSame(a: RepositoryKey, b: RepositoryKey): boolean {
  return a.upstream === b.upstream && a.repository === b.repository;
}

function failureOf({ failure, source }: FillRecord): CacheError {
  if (failure === undefined) return new CacheError('upstream-unreachable', `A fetch from ${source.upstream} failed.`);
  const { kind, message, retryAfterMs } = failure;
  return new CacheError(kind, message, { retryable: true, ...(retryAfterMs !== undefined && { retryAfterMs }) });
}

/** Remembers a wake-up that comes while nobody waits. */
function createWaker(signal: AbortSignal | undefined) {
  let woken = false;
  let resolve: (() => void) | undefined;
  const wake = () => {
    woken = true;
    resolve?.();
  };
  return {
    wake,
    async wait(ms: number) {
      if (!woken) {
        let timer: NodeJS.Timeout | undefined;
        await new Promise<void>((done) => {
          resolve = done;
          timer = setTimeout(done, ms);
          signal?.addEventListener('abort', wake, { once: true });
        });
        clearTimeout(timer);
        signal?.removeEventListener('abort', wake);
        resolve = undefined;
      }
      woken = false;
    },
  };
}
