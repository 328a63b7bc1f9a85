// How a frontend joins a fill: subscribe, read the record, add the job, read again. The record is the truth, and announcements
// only wake. It waits for `running`, never for `done`.
import { type CacheIndex, type FillRecord, type RepositoryKey, isSameRepository } from '@cistern/index';
import { CacheError } from '@cistern/errors';
import type { JobQueue } from '@cistern/jobs';
import type { Digest } from '@cistern/oci';

/**
 * The failure in the record of a fill that has lost its last reader. The fill has not failed: the next client starts another.
 * Nodes of other releases compare the message, so it never changes.
 */
// language: nodes of other releases compare this message
export const leftFill = { kind: 'overloaded', message: 'Nobody read this blob any more.' } as const;

export interface FollowDeps {
  readonly index: CacheIndex;
  readonly queue: JobQueue;
  readonly now: () => number;
  /** See `FillAccess.canRead`. A fill that cannot be read is waited for, until it has ended. */
  readonly canRead: (record: FillRecord) => boolean;
}

interface FollowRequest {
  readonly digest: Digest;
  /** The upstream and repository to fetch from, if no fill runs. */
  readonly source: RepositoryKey;
  /** The first byte that the caller needs, so that a small range need not wait for all bytes before it. */
  readonly from: number;
  readonly toExclusive?: number | undefined;
  /** A fill that is of no more use to the caller, even if its record is still `running`. */
  readonly past?: FillRecord | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** `running` means: read from the fill. `done` means: it has been committed, so read from the store. */
export interface FollowedFill {
  readonly record: FillRecord & { readonly state: 'running' | 'done'; readonly size: number };
  /** True if another request had started the fill before. */
  readonly joined: boolean;
}

/** Rejects with the fill's failure if that concerns this request, with `upstream-timeout`, or with the reason of `signal`. */
export type FollowFill = (request: FollowRequest) => Promise<FollowedFill>;

const rereadMs = 500;
/** The interval at which a waiting request adds its job again. A parked fetch needs it, and a worker may die with its job. */
const addAgainMs = 2_000;
/** Upstream's own deadlines end a fetch sooner. This one bounds the queue. containerd gives up after five minutes. */
const deadlineMs = 240_000;

/** Requests of this process for the same fill add its job only once. */
export function createFollowFill({ index, queue, now, canRead }: FollowDeps): FollowFill {
  /** The jobs of waiting requests, and when each was last added. */
  const adding = new Map<string, { readonly waiting: Set<object>; addedAtMs: number }>();

  /** A fill that is past is replaced, at any generation. */
  const add = ({ digest, source, from, toExclusive, past: read }: FollowRequest, past: FillRecord | undefined) => {
    const { upstream, repository } = source;
    const range = { from, ...(toExclusive !== undefined && { toExclusive }) };
    const replaces = past?.generation ?? 0;
    const resumes = read?.state === 'running' && { resumes: true };
    return queue.add(
      'fetch-blob',
      { upstream, repository, digest, replaces, ...range, ...resumes },
      { dedupKey: fillJobKey(digest, replaces), class: 'interactive' },
    );
  };

  return async function followFill(request) {
    const { digest, source, signal } = request;
    const wanted = new Set<string>();
    /** Adds the job once for all requests, and again every two seconds. True if another request has added it already. */
    const addOnce = async (past: FillRecord | undefined) => {
      const key = fillJobKey(digest, past?.generation ?? 0);
      const known = adding.get(key);
      const job = known ?? { waiting: new Set(), addedAtMs: now() };
      adding.set(key, job);
      job.waiting.add(wanted);
      wanted.add(key);
      if (known !== undefined && now() - known.addedAtMs < addAgainMs) return true;
      job.addedAtMs = now();
      await add(request, past);
      return known !== undefined;
    };
    let { past } = request;
    const waker = createWaker(signal);
    const unsubscribe = await index.pubsub.subscribe(fillTopic(digest), waker.wake);
    try {
      let record = await index.fills.read(digest);
      // The failure of an earlier fill does not apply to the next.
      if (record?.state === 'failed') past = record;
      let joined = (record !== undefined && record.fillId !== past?.fillId) || (await addOnce(past));
      const startedAtMs = now();
      for (;;) {
        signal?.throwIfAborted();
        record = await index.fills.read(digest);
        if (record !== undefined && isNews(record, past)) {
          if (hasBytes(record) && (record.state === 'done' || canRead(record))) return { record, joined };
          if (record.state === 'failed') {
            if (isSameRepository(record.source, source) && !isLeftFill(record)) throw failureOf(record);
            // A failure with another repository or upstream does not concern this request. A fill that was running when this
            // request arrived may have lost its last reader since.
            past = record;
            joined = await addOnce(past);
          }
        } else await addOnce(past);
        if (now() - startedAtMs > deadlineMs)
          throw new CacheError('upstream-timeout', 'The blob did not begin to arrive in time.', { retryable: true });
        await waker.wait(rereadMs);
      }
    } finally {
      for (const key of wanted) {
        const job = adding.get(key);
        job?.waiting.delete(wanted);
        if (job?.waiting.size === 0) adding.delete(key);
      }
      unsubscribe();
      waker.close();
    }
  };
}

/** The key under which `fetch-blob` jobs are one: they replace fills of the same or an older generation. */
export function fillJobKey(digest: Digest, replaces: number): string {
  return `${digest}.${replaces}`;
}

/** A fill that the request could not read from may still complete. */
function isNews(record: FillRecord, past: FillRecord | undefined): boolean {
  if (record.fillId !== past?.fillId) return true;
  return record.state === 'done' && past.state !== 'done';
}

function hasBytes(record: FillRecord): record is FollowedFill['record'] {
  return (record.state === 'running' || record.state === 'done') && record.size !== undefined;
}

function failureOf({ failure, source }: FillRecord): CacheError {
  if (failure === undefined) return new CacheError('upstream-unreachable', `A fetch from ${source.upstream} failed.`);
  const { kind, message, retryAfterMs } = failure;
  const retryable = kind !== 'too-large';
  return new CacheError(kind, message, { retryable, ...(retryAfterMs !== undefined && { retryAfterMs }) });
}

/** Remembers a wake-up that arrives while no caller waits. An abort of `signal` wakes it too. */
function createWaker(signal: AbortSignal | undefined) {
  let woken = Promise.withResolvers<void>();
  const wake = () => woken.resolve();
  signal?.addEventListener('abort', wake);
  return {
    wake,
    async wait(ms: number) {
      const timer = setTimeout(wake, ms);
      await woken.promise;
      clearTimeout(timer);
      woken = Promise.withResolvers();
    },
    close() {
      signal?.removeEventListener('abort', wake);
    },
  };
}

/** The topic of announcements after each change of a fill's record. */
export function fillTopic(digest: Digest): string {
  return `fill/${digest}`;
}

function isLeftFill({ failure }: FillRecord): boolean {
  return failure?.message === leftFill.message;
}
