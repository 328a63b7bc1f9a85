// A frontend joins a fill in four steps: it subscribes to announcements, reads the record, adds the job, and reads the record
// again. Only the record counts. An announcement only causes the next read. The frontend waits for `running`, never for `done`.
import { type CacheIndex, type FillRecord, type RepositoryKey, isSameRepository } from '@cistern/index';
import { CacheError } from '@cistern/errors';
import type { JobQueue } from '@cistern/jobs';
import type { Digest } from '@cistern/oci';

/**
 * The failure in the record of a fill that has lost its last reader. The fetch itself has not failed, so the next client starts
 * another fill. Nodes of other releases compare the message, so it never changes.
 */
// language: nodes of other releases compare this message
export const leftFill = { kind: 'overloaded', message: 'Nobody read this blob any more.' } as const;

export interface FollowDeps {
  readonly index: CacheIndex;
  readonly queue: JobQueue;
  readonly now: () => number;
  /** See `FillAccess.canRead`. If a fill cannot be read, the request waits until the fill has ended. */
  readonly canRead: (record: FillRecord) => boolean;
}

interface FollowRequest {
  readonly digest: Digest;
  /** The upstream and repository to fetch from, if no fill runs. */
  readonly source: RepositoryKey;
  /** The first byte that the caller needs, so that a small range need not wait for all bytes before it. */
  readonly from: number;
  readonly toExclusive?: number | undefined;
  /** A fill that the caller cannot use any more, even if its record is still `running`. */
  readonly past?: FillRecord | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * If the state is `running`, the caller reads from the fill. If it is `done`, the blob is committed, so the caller reads from the
 * store.
 */
export interface FollowedFill {
  readonly record: FillRecord & { readonly state: 'running' | 'done'; readonly size: number };
  /** True if the fill had already been started by another request. */
  readonly joined: boolean;
}

/**
 * Rejects with the fill's failure if the fill has the same upstream and repository as this request. Also rejects with
 * `upstream-timeout`, and with the reason of `signal`.
 */
export type FollowFill = (request: FollowRequest) => Promise<FollowedFill>;

const rereadMs = 500;
/**
 * The interval at which a waiting request adds its job again. This is necessary because a worker can die with the job, and
 * because a parked fetch is removed if no request repeats its job.
 */
const addAgainMs = 2_000;
/**
 * The longest wait of a request, which limits the time in the queue. A fetch that has started ends earlier by the deadlines for
 * upstreams. The value is below five minutes, after which containerd gives up.
 */
const deadlineMs = 240_000;

/** Several requests of this process for the same fill add its job only one time. */
export function createFollowFill({ index, queue, now, canRead }: FollowDeps): FollowFill {
  /** The jobs of waiting requests, with the time at which each job was last added. */
  const adding = new Map<string, { readonly waiting: Set<object>; addedAtMs: number }>();

  /** Adds a job that replaces the fill `past`. If `past` is unset, the job starts the first fill of the digest. */
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
    /**
     * Adds the job one time for all requests, and again every two seconds. Resolves to true if another request has already added
     * it.
     */
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
      // This failure belongs to an earlier fill, so the request starts a new one.
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
            // A failure of another repository or upstream does not concern this request. Nor does `leftFill`: the fill has lost
            // its last reader since this request arrived. So the request starts a new fill.
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

/** The deduplication key of a `fetch-blob` job. Jobs that replace the same generation of a digest's fill have the same key. */
export function fillJobKey(digest: Digest, replaces: number): string {
  return `${digest}.${replaces}`;
}

/** True if the record concerns another fill than `past`, or if `past` has been committed since then. */
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

/** A call of `wake` ends the current `wait`, or the next one if no caller waits. An abort of `signal` has the same effect. */
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

/** The pub/sub topic on which each change of a fill's record is announced. */
export function fillTopic(digest: Digest): string {
  return `fill/${digest}`;
}

function isLeftFill({ failure }: FillRecord): boolean {
  return failure?.message === leftFill.message;
}
