// Plans a fill's GETs. The main GET fetches the first missing segments; at the start of a fill it has no range. Extra GETs have
// ranges. They serve a reader that waits ahead, or make the fill faster. They take segments from the main GET, which then ends
// where the first of them begins.
import { type BlobRequestOptions, ExtraRefused, type UpstreamBlobBody } from '@cistern/upstream';
import type { FillRoom } from '../room/spool-room.ts';
import { type Segment, type Segments, nearBytesOf } from '../spool/segments.ts';
import type { FillConnections } from './connection-control.ts';
import { createClaims } from './claims.ts';
import { type Run, copyBody } from './copy-body.ts';
import { Stalled, endless, isNoRange, noRoom, tooShort } from './fetch-errors.ts';
import { bySegment, skip } from './split-chunks.ts';

export interface SegmentFetchOptions {
  readonly segments: Segments;
  readonly room: Pick<FillRoom, 'take' | 'tryTake'>;
  readonly get: (range: BlobRequestOptions) => Promise<UpstreamBlobBody>;
  /** Appends to one segment. If it rejects, the fill ends, because the lost bytes are not fetched again. */
  readonly append: (offset: number, chunks: readonly Buffer[]) => Promise<void>;
  /** The most bytes that one ranged GET fetches while another GET runs. */
  readonly rangeBytes: number;
  /** Called with the host that sends the bytes. The result limits the number of connections. Unset means one. */
  readonly connect?: ((host: string) => FillConnections) | undefined;
  /** If true, the size of `segments` is only an upper limit, and the blob ends where the body ends. */
  readonly isSizeUnknown: boolean;
  /** Called when a GET is answered or ends, and when a segment is complete, so that waiting readers check again. */
  readonly onChange: () => void;
  readonly signal: AbortSignal;
}

export type SegmentFetch = ReturnType<typeof createSegmentFetch>;

/** Upstreams close connections that are not read for longer. */
const stallMs = 10_000;
const maxAhead = 4;
/** After an extra GET fails, no other is tried for this long. The main GET fetches the rest. */
const extrasPauseMs = 10_000;
/** The fewest segments per extra GET. A trial fetches one, so that the next trial does not wait for a long GET. */
const fewSegments = 2;

export function createSegmentFetch(options: SegmentFetchOptions) {
  const { segments, room, get, append, rangeBytes, onChange, signal } = options;
  const claims = createClaims(segments);
  /** Runs whose GET upstream has answered. */
  const answeredRuns = new Set<Run>();
  let connections: FillConnections | undefined;
  let main: Run | undefined;
  /** True if the main GET, answered or not, requested everything to the blob's end, even if its run must stop earlier. */
  let isMainWhole = false;
  let hasExtras = false;
  let mayGetRanges = true;
  let extrasPausedUntilMs = -Infinity;
  let changed = Promise.withResolvers<void>();

  const areExtrasPaused = () => performance.now() < extrasPausedUntilMs;

  const change = () => {
    changed.resolve();
    changed = Promise.withResolvers();
    onChange();
  };

  const answered = (run: Run, { host }: UpstreamBlobBody) => {
    if (host !== undefined) connections ??= options.connect?.(host);
    answeredRuns.add(run);
    connections?.opened(answeredRuns.size);
    change();
  };

  const end = (run: Run) => {
    claims.end(run);
    if (answeredRuns.delete(run)) connections?.opened(answeredRuns.size);
    change();
  };

  /** `isGetOpen` is true if a GET waits for the space, because upstream will close its connection if it waits for long. */
  const takeRoom = async (segment: Segment, isGetOpen: boolean) => {
    if (segment.release !== undefined) return;
    const stalling = new AbortController();
    const onAbort = () => stalling.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    let resume: (() => void) | undefined;
    const onWait = () => {
      resume = connections?.blocked();
    };
    const timer = setInterval(() => {
      // A failed GET may have left earlier segments missing. These are fetched first.
      const isBehind = (claims.firstOpen ?? segment).index < segment.index;
      if (isBehind || (isGetOpen && mayGetRanges)) stalling.abort(new Stalled());
    }, stallMs);
    try {
      signal.throwIfAborted();
      segment.release = await room.take(segment.end - segment.start, stalling.signal, onWait);
    } finally {
      resume?.();
      clearInterval(timer);
      signal.removeEventListener('abort', onAbort);
    }
  };

  /** Returns the size of the next GET. It shrinks towards the blob's end, so that all connections end at about the same time. */
  const shareBytes = (): number => {
    const { segmentBytes } = segments;
    if (connections?.isOnTrial === true) return segmentBytes;
    const leftBytes = segments.size - segments.fetchedBytes;
    return Math.max(fewSegments * segmentBytes, Math.min(rangeBytes, leftBytes / (2 * (connections?.allowed ?? 1))));
  };

  /** Appends the bytes that come next in their segments. It skips bytes that are already present. */
  const write = async (run: Run, offset: number, chunks: readonly Buffer[]) => {
    for (const piece of bySegment(segments, offset, chunks)) {
      const { segment } = piece;
      if (claims.ownerOf(segment) !== run) continue;
      const here = segment.start + segment.filled;
      const rest = here <= piece.offset ? piece.chunks : skip(piece.chunks, here - piece.offset);
      if (rest.length === 0) continue;
      await takeRoom(segment, true);
      await append(Math.max(here, piece.offset), rest);
      connections?.received(rest.reduce((sum, { length }) => sum + length, 0));
      if (segment.isComplete) onChange();
      stripe();
    }
  };

  const copy = async (run: Run, body: UpstreamBlobBody, bodyEnd: number) => {
    answered(run, body);
    await copyBody({ opened: body, run, bodyEnd, write: (offset, chunks) => write(run, offset, chunks) });
    const isShort = run.next < run.endExclusive;
    if (options.isSizeUnknown !== isShort) throw options.isSizeUnknown ? endless(segments.size) : tooShort();
    if (!isShort) return;
    claims.disclaim(run);
    segments.endAt(run.next);
  };

  /**
   * Assigns all open segments to `run`, which begins at 0. It includes those of unanswered GETs, which upstream may still refuse.
   */
  const fetchAllOpen = (run: Run) => {
    isMainWhole = true;
    for (const other of claims.runs)
      if (other !== run && !answeredRuns.has(other)) {
        other.endExclusive = other.next;
        claims.disclaim(other);
      }
    claims.claimAllOpen(run);
  };

  /** Opens a body at `run.next`. If upstream refuses ranges, opens the whole blob, and complete segments are skipped. */
  const open = async (run: Run) => {
    const { next: from, endExclusive } = run;
    const isToEnd = endExclusive === segments.size;
    isMainWhole = isToEnd;
    try {
      if (from > 0 || !isToEnd) {
        const body = await get({ from, ...(!isToEnd && { toExclusive: endExclusive }), signal });
        return { body, bodyEnd: endExclusive };
      }
    } catch (error) {
      if (!isNoRange(error)) throw error;
      mayGetRanges = false;
      Object.assign(run, { next: 0, endExclusive: segments.size });
      fetchAllOpen(run);
    }
    return { body: await get({ signal }), bodyEnd: segments.size };
  };

  const fetchRun = async (first: Segment, whole: UpstreamBlobBody | undefined) => {
    const next = first.start + first.filled;
    const run = { next, endExclusive: claims.endOfOpen(first, hasExtras ? shareBytes() : Infinity) };
    main = run;
    isMainWhole = whole !== undefined;
    claims.claim(run, first);
    try {
      await takeRoom(first, whole !== undefined);
      const { body, bodyEnd } = whole === undefined ? await open(run) : { body: whole, bodyEnd: segments.size };
      await copy(run, body, bodyEnd);
    } catch (error) {
      whole?.close();
      // The body is a copy from an earlier worker, and upstream does not send the missing bytes as a range. So the next GET has none.
      if (isNoRange(error) && (run.next > next || mayGetRanges)) mayGetRanges = false;
      else if (!(error instanceof Stalled)) throw error;
      // A blob without a length frees no segment before its end, so two such fills could wait for each other forever.
      else if (options.isSizeUnknown) throw noRoom();
    } finally {
      main = undefined;
      isMainWhole = false;
      end(run);
    }
  };

  /** Makes the main GET end before `segment`. Returns false if it has passed the segment's start, or another run fetches it. */
  const cutBefore = (segment: Segment): boolean => {
    const owner = claims.ownerOf(segment);
    if (owner === undefined) return true;
    if (owner !== main || main.next > segment.start || !mayGetRanges) return false;
    main.endExclusive = Math.max(main.next, segment.start);
    claims.disclaim(main, segment.index);
    return true;
  };

  /** Starts a ranged GET at `first`. Returns false if there is no space for this segment now, or another run fetches it. */
  const startExtra = (first: Segment): boolean => {
    if (first.release === undefined) first.release = room.tryTake(first.end - first.start);
    if (first.release === undefined || !cutBefore(first)) return false;
    let last = first;
    for (const limit = claims.endOfOpen(first, shareBytes()); last.end < limit;) {
      const next = segments.at(last.index + 1);
      next.release ??= room.tryTake(next.end - next.start);
      if (next.release === undefined) break;
      last = next;
    }
    const run: Run = { next: first.start + first.filled, endExclusive: last.end };
    hasExtras = true;
    claims.claim(run, first);
    void runExtra(run);
    return true;
  };

  const runExtra = async (run: Run) => {
    const { next: from, endExclusive: toExclusive } = run;
    try {
      await copy(run, await get({ from, toExclusive, isExtra: true, signal }), toExclusive);
    } catch (error) {
      if (isNoRange(error)) mayGetRanges = false;
      else if (!(error instanceof Stalled)) {
        extrasPausedUntilMs = performance.now() + extrasPauseMs;
        connections?.refused(error instanceof ExtraRefused ? error.by : 'host');
      }
    } finally {
      end(run);
      // The plain GET fetches the segments of this run, unless it has ended meanwhile.
      if (!mayGetRanges && isMainWhole && main !== undefined && main.next < main.endExclusive) {
        main.endExclusive = segments.size;
        claims.claimAllOpen(main);
      }
    }
  };

  /** Starts extra GETs up to the allowed number, for segments that no run fetches, or far enough ahead of the main GET. */
  const stripe = () => {
    while (connections !== undefined && !areExtrasPaused() && mayGetRanges && claims.count < connections.allowed) {
      const behind = main && Math.ceil((main.next + shareBytes()) / segments.segmentBytes);
      const place =
        claims.firstOpen ?? (behind === undefined || behind >= segments.count ? undefined : segments.at(behind));
      if (place === undefined || place.isComplete || !startExtra(place)) return;
    }
  };

  /** Returns whether a running GET delivers the byte at `offset` soon. */
  const delivers = (offset: number): boolean => {
    const segment = segments.holding(offset);
    const owner = claims.ownerOf(segment);
    return owner !== undefined && segment.start - owner.next <= nearBytesOf(segments.segmentBytes);
  };

  return {
    /** Fetches all missing segments. `opened` is the body of the whole blob, if it was requested before. */
    async all(opened?: UpstreamBlobBody): Promise<void> {
      let whole = opened;
      for (;;) {
        signal.throwIfAborted();
        const first = claims.firstOpen;
        if (first === undefined) whole?.close();
        if (first === undefined && claims.count === 0) return;
        await (first === undefined ? changed.promise : fetchRun(first, whole));
        whole = undefined;
      }
    },
    /**
     * Called when a reader waits for the byte at `offset`. Returns true if the reader should wait, because a GET delivers the
     * byte soon or no extra GET is possible. Returns false if no GET could be started there, because there is no space.
     */
    want(offset: number): boolean {
      const segment = segments.holding(offset);
      // If there is no main run, `all` will choose the next one immediately.
      if (!mayGetRanges || areExtrasPaused() || main === undefined || claims.count > maxAhead || delivers(offset))
        return true;
      const owner = claims.ownerOf(segment);
      if (owner !== undefined && owner !== main) return true;
      return startExtra(segment);
    },
    delivers,
    /** False if upstream has refused a range. */
    get mayGetRanges(): boolean {
      return mayGetRanges;
    },
    /** Number of bodies that upstream is sending now. */
    get connections(): number {
      return answeredRuns.size;
    },
    /** Called if the digest of the received bytes is wrong. */
    mismatched(): void {
      if (hasExtras) connections?.mismatched();
    },
    /** Called when the fill has ended. Its connections can then be used for other fills. */
    close(): void {
      connections?.leave();
      connections = undefined;
    },
  };
}
