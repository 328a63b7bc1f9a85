// Queues parked fetches and chooses which one is admitted next. Fetches with readers half-way go first, then the upstream with
// the fewest running fetches. So a slow upstream gets the slots that others leave, and never all.
import type { JobContext, JobPayload } from '@cistern/jobs';
import type { Digest } from '@cistern/oci';

export interface ParkedFill {
  readonly job: JobPayload<'fetch-blob'>;
  readonly context: JobContext;
  /** When it was last requested, on the monotonic clock. */
  readonly requestedAtMs: number;
}

export interface FillLine {
  /** Parked fetches. */
  readonly size: number;
  /** Adds a fetch. A digest that is already parked keeps its place. */
  park(fill: ParkedFill): void;
  /** Admits the next fetch, which has a slot until `release` is called; `undefined` means that none can start. */
  next(nowMs: number): ParkedFill | undefined;
  /** Frees the slot of a fetch of `upstream`. */
  release(upstream: string): void;
  /** Removes and returns all parked fetches. */
  clear(): ParkedFill[];
}

interface UpstreamLine {
  /** Fetches with readers half-way. This map and `others` are in order of arrival. */
  readonly resumed: Map<Digest, ParkedFill>;
  readonly others: Map<Digest, ParkedFill>;
  running: number;
}

/** Readers repeat their request every two seconds. A fetch without a recent one is dropped: its client left, or another worker has it. */
const requestedWithinMs = 10_000;
/** The share of the slots that each upstream gets even if others hold all of them, up to twice as many slots. */
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

/** Sorts readers half-way first, then the fewest running fetches. */
function compareLines(one: UpstreamLine, other: UpstreamLine): number {
  return Number(other.resumed.size > 0) - Number(one.resumed.size > 0) || one.running - other.running;
}
