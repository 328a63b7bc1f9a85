// Queues parked fetches and chooses which one is admitted next. Fetches whose readers already have a part of the blob go first,
// then fetches of the upstream with the fewest running fetches. A slow upstream gets only the slots that other upstreams do not
// need.
import type { JobContext, JobPayload } from '@cistern/jobs';
import type { Digest } from '@cistern/oci';

export interface ParkedFill {
  readonly job: JobPayload<'fetch-blob'>;
  readonly context: JobContext;
  /** When the fetch was last requested, in milliseconds on the monotonic clock. */
  readonly requestedAtMs: number;
}

export interface FillLine {
  /** The number of parked fetches. */
  readonly size: number;
  /** Adds a fetch. A fetch of a digest that is already parked keeps the earlier place. */
  park(fill: ParkedFill): void;
  /**
   * Admits and returns the next fetch, which has a slot until `release` is called. `undefined` means that no fetch can start.
   */
  next(nowMs: number): ParkedFill | undefined;
  /** Frees the slot of a fetch of `upstream`. */
  release(upstream: string): void;
  /** Removes and returns all parked fetches. */
  clear(): ParkedFill[];
}

interface UpstreamLine {
  /** Fetches whose readers already have a part of the blob. This map and `others` are in order of arrival. */
  readonly resumed: Map<Digest, ParkedFill>;
  readonly others: Map<Digest, ParkedFill>;
  running: number;
}

/**
 * Readers repeat their request every two seconds. A fetch that was not requested within this time is removed, because its
 * client has left or another worker has the fetch.
 */
const requestedWithinMs = 10_000;
/**
 * The share of the slots that each upstream gets even while other upstreams hold all slots. So up to twice as many fetches as
 * slots may run.
 */
const ensuredShare = 1 / 8;

export function createFillLine(slots: number): FillLine {
  /** Has at most one entry for each configured upstream. */
  const upstreams = new Map<string, UpstreamLine>();
  const ensured = Math.ceil(slots * ensuredShare);
  const mostRunning = 2 * slots;
  let running = 0;

  function lineOf(upstream: string): UpstreamLine {
    const line = upstreams.get(upstream) ?? { resumed: new Map(), others: new Map(), running: 0 };
    upstreams.set(upstream, line);
    return line;
  }

  function dropUnrequested({ others }: UpstreamLine, nowMs: number): void {
    for (const [digest, { requestedAtMs, context }] of others) {
      if (context.class === 'background' || nowMs - requestedAtMs <= requestedWithinMs) return;
      others.delete(digest);
    }
  }

  function mayStart({ resumed, others, running: ofUpstream }: UpstreamLine): boolean {
    if (running >= mostRunning) return false;
    if (resumed.size > 0) return true;
    return others.size > 0 && (running < slots || ofUpstream < ensured);
  }

  return {
    get size() {
      return [...upstreams.values()].reduce((sum, { resumed, others }) => sum + resumed.size + others.size, 0);
    },
    park(fill) {
      const { job } = fill;
      const { resumed, others } = lineOf(job.upstream);
      const known = resumed.get(job.digest) ?? others.get(job.digest);
      const isResumed = job.resumes === true || known?.job.resumes === true;
      const kept =
        known === undefined || known.job.replaces < job.replaces
          ? fill
          : { ...known, requestedAtMs: fill.requestedAtMs };
      if (isResumed) others.delete(job.digest);
      (isResumed ? resumed : others).set(job.digest, kept);
    },
    next(nowMs) {
      for (const line of upstreams.values()) dropUnrequested(line, nowMs);
      const [line] = [...upstreams.values()].filter(mayStart).sort(compareLines);
      if (line === undefined) return undefined;
      const from = line.resumed.size > 0 ? line.resumed : line.others;
      const [digest, fill] = from.entries().next().value!;
      from.delete(digest);
      line.running += 1;
      running += 1;
      return fill;
    },
    release(upstream) {
      lineOf(upstream).running -= 1;
      running -= 1;
    },
    clear() {
      const all = [...upstreams.values()].flatMap(({ resumed, others }) => [...resumed.values(), ...others.values()]);
      for (const { resumed, others } of upstreams.values()) {
        resumed.clear();
        others.clear();
      }
      return all;
    },
  };
}

/** Sorts lines with resumed fetches first, then by the number of running fetches. */
function compareLines(one: UpstreamLine, other: UpstreamLine): number {
  return Number(other.resumed.size > 0) - Number(one.resumed.size > 0) || one.running - other.running;
}
