// Which parked fetch is admitted next. Readers half-way go first; then the upstream with the fewest fetches under way, so one slow
// upstream takes what others leave, and never all.
import type { JobContext, JobPayload } from '@cistern/jobs';
import type { Digest } from '@cistern/oci';

export interface ParkedFill {
  readonly job: JobPayload<'fetch-blob'>;
  readonly context: JobContext;
  /** When it was last asked for, on the monotonic clock. */
  readonly askedAtMs: number;
}

export interface FillLine {
  /** Parked fetches. */
  readonly size: number;
  /** A digest that is parked already keeps its place. */
  park(fill: ParkedFill): void;
  /** False: it was not parked here. */
  remove(job: JobPayload<'fetch-blob'>): boolean;
  /** The fetch that is admitted now, which takes a slot until `left`; `undefined`: none is. */
  next(nowMs: number): ParkedFill | undefined;
  left(upstream: string): void;
  /** All that is parked. */
  clear(): ParkedFill[];
}

interface UpstreamLine {
  /** In the order of their coming; readers half-way apart. */
  readonly resumed: Map<Digest, ParkedFill>;
  readonly others: Map<Digest, ParkedFill>;
  running: number;
}

/** Readers ask every two seconds. A fetch without a recent ask is dropped: its client has left, or another worker has it. */
const askedWithinMs = 10_000;
/** The share of the slots that an upstream gets although others have taken all of them, up to twice as many slots. */
const ensuredShare = 1 / 8;

export function createFillLine(slots: number): FillLine {
  const upstreams = new Map<string, UpstreamLine>();
  const ensured = Math.ceil(slots * ensuredShare);
  const mostRunning = 2 * slots;
  let running = 0;
  let parked = 0;

  function lineOf(upstream: string): UpstreamLine {
    const known = upstreams.get(upstream);
    if (known !== undefined) return known;
    const line = { resumed: new Map<Digest, ParkedFill>(), others: new Map<Digest, ParkedFill>(), running: 0 };
    upstreams.set(upstream, line);
    return line;
  }

  function dropIfIdle(upstream: string, { resumed, others, running: ofUpstream }: UpstreamLine): void {
    if (resumed.size === 0 && others.size === 0 && ofUpstream === 0) upstreams.delete(upstream);
  }

  function dropUnasked(line: UpstreamLine, nowMs: number): void {
    for (const [digest, { askedAtMs, context }] of line.others) {
      if (context.class === 'background' || nowMs - askedAtMs <= askedWithinMs) return;
      line.others.delete(digest);
      parked -= 1;
    }
  }

  function choose(nowMs: number): UpstreamLine | undefined {
    let chosen: UpstreamLine | undefined;
    for (const [upstream, line] of upstreams) {
      dropUnasked(line, nowMs);
      dropIfIdle(upstream, line);
      if (!mayStart(line)) continue;
      if (chosen === undefined || isBefore(line, chosen)) chosen = line;
    }
    return chosen;
  }

  function mayStart({ resumed, others, running: ofUpstream }: UpstreamLine): boolean {
    if (running >= mostRunning) return false;
    if (resumed.size > 0) return true;
    return others.size > 0 && (running < slots || ofUpstream < ensured);
  }

  return {
    get size() {
      return parked;
    },
    park(fill) {
      const { job } = fill;
      const line = lineOf(job.upstream);
      const known = line.resumed.get(job.digest) ?? line.others.get(job.digest);
      if (known === undefined) parked += 1;
      const isResumed = job.resumes === true || known?.job.resumes === true;
      const kept =
        known === undefined || known.job.replaces < job.replaces ? fill : { ...known, askedAtMs: fill.askedAtMs };
      if (isResumed) line.others.delete(job.digest);
      (isResumed ? line.resumed : line.others).set(job.digest, kept);
    },
    remove({ upstream, digest }) {
      const line = upstreams.get(upstream);
      if (line === undefined) return false;
      const wasParked = line.resumed.delete(digest) || line.others.delete(digest);
      if (wasParked) parked -= 1;
      dropIfIdle(upstream, line);
      return wasParked;
    },
    next(nowMs) {
      const line = choose(nowMs);
      if (line === undefined) return undefined;
      const from = line.resumed.size > 0 ? line.resumed : line.others;
      const [digest, fill] = from.entries().next().value!;
      from.delete(digest);
      parked -= 1;
      line.running += 1;
      running += 1;
      return fill;
    },
    left(upstream) {
      const line = lineOf(upstream);
      line.running -= 1;
      running -= 1;
      dropIfIdle(upstream, line);
    },
    clear() {
      const all = [...upstreams.values()].flatMap(({ resumed, others }) => [...resumed.values(), ...others.values()]);
      for (const [upstream, line] of upstreams) {
        line.resumed.clear();
        line.others.clear();
        dropIfIdle(upstream, line);
      }
      parked = 0;
      return all;
    },
  };
}

function isBefore(line: UpstreamLine, other: UpstreamLine): boolean {
  const [resumes, otherResumes] = [line.resumed.size > 0, other.resumed.size > 0];
  return resumes === otherResumes ? line.running < other.running : resumes;
}
