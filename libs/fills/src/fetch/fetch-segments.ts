// The plan of a fill's GETs. The first GET is plain and runs on to the end. Others are ranged: where a reader waits ahead of
// it, and for more connections, where those pay. They take their segments from it, which ends where the first of them begins.
import { type BlobRequestOptions, ExtraRefused, type UpstreamBlobBody } from '@cistern/upstream';
import type { FillRoom } from '../room/spool-room.ts';
import { type Segment, type Segments, nearBytesOf } from '../spool/segments.ts';
import type { FillConnections } from './connection-control.ts';
import { createClaims } from './claims.ts';
import { type Run, copyBody } from './copy-body.ts';
import { StoodStill, endless, isNoRange, noRoom, tooShort } from './fetch-errors.ts';
import { bySegment, skip } from './split-chunks.ts';

export interface SegmentFetchOptions {
  readonly segments: Segments;
  readonly room: Pick<FillRoom, 'take' | 'tryTake'>;
  readonly get: (range: BlobRequestOptions) => Promise<UpstreamBlobBody>;
  /** Appends to one segment. If it fails the fill ends: its bytes are not fetched again. */
  readonly append: (offset: number, chunks: readonly Buffer[]) => Promise<void>;
  /** A ranged GET beside another one brings so many bytes at most. */
  readonly rangeBytes: number;
  /** Called with the host that sends the bytes: decides how many connections are open. Unset means one. */
  readonly connect?: ((host: string) => FillConnections) | undefined;
  /** Whether the segments' size is the most that is read, and the body's own end is that of the blob. */
  readonly isSizeUnknown: boolean;
  /** A fetch has ended: who waits looks again. */
  readonly onChange: () => void;
  readonly signal: AbortSignal;
}

export type SegmentFetch = ReturnType<typeof createSegmentFetch>;

/** Upstreams drop connections that are not read. */
const standMs = 10_000;
const maxAhead = 4;
/** After an extra GET has failed none is tried for so long: the main one brings the rest. */
const aloneMs = 10_000;
/** One GET of several brings at least so many segments. A trial brings one, so that the next trial need not wait for it. */
const fewSegments = 2;

export function createSegmentFetch(options: SegmentFetchOptions) {
  const { segments, room, get, append, rangeBytes, onChange, signal } = options;
  const claims = createClaims(segments);
  /** Those that upstream has answered. */
  const answeredRuns = new Set<Run>();
  let connections: FillConnections | undefined;
  let main: Run | undefined;
  /** Its body, which may not have come yet, goes on to the end of the blob, even if it is to stop before. */
  let isMainWhole = false;
  let hasExtras = false;
  let mayGetRanges = true;
  let aloneUntilMs = -Infinity;
  let changed = Promise.withResolvers<void>();

  const isAlone = () => performance.now() < aloneUntilMs;

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

  /** `isStanding`: a GET waits, which upstream drops before long. */
  const takeRoom = async (segment: Segment, isStanding: boolean) => {
    if (segment.release !== undefined) return;
    const standing = new AbortController();
    const onAbort = () => standing.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    let goOn: (() => void) | undefined;
    const onWait = () => {
      goOn = connections?.heldUp();
    };
    const timer = setInterval(() => {
      // Nothing goes before what a GET has left behind that failed meanwhile.
      const isBehind = (claims.firstOpen ?? segment).index < segment.index;
      if (isBehind || (isStanding && mayGetRanges)) standing.abort(new StoodStill());
    }, standMs);
    try {
      signal.throwIfAborted();
      segment.release = await room.take(segment.end - segment.start, standing.signal, onWait);
    } finally {
      goOn?.();
      clearInterval(timer);
      signal.removeEventListener('abort', onAbort);
    }
  };

  /** Less towards the end, so that all connections end at about the same time. */
  const shareBytes = (): number => {
    const { segmentBytes } = segments;
    if (connections?.isOnTrial === true) return segmentBytes;
    const leftBytes = segments.size - segments.fetchedBytes;
    return Math.max(fewSegments * segmentBytes, Math.min(rangeBytes, leftBytes / (2 * (connections?.allowed ?? 1))));
  };

  /** Appends the bytes that are next in their segments; the others are there already. */
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

  /** `run` begins at 0. It may pass what others bring that are to be refused later: it brings that itself. */
  const bringAll = (run: Run) => {
    isMainWhole = true;
    for (const other of claims.runs)
      if (other !== run && !answeredRuns.has(other)) {
        other.endExclusive = other.next;
        claims.disclaim(other);
      }
    claims.claimAllOpen(run);
  };

  /** From `run.next`; from 0, passing over what is here, where upstream refuses to begin elsewhere. */
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
      bringAll(run);
    }
    return { body: await get({ signal }), bodyEnd: segments.size };
  };

  const bring = async (first: Segment, whole: UpstreamBlobBody | undefined) => {
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
      // The worker that it goes on with had the bytes so far, and upstream does not send the rest of a range.
      if (isNoRange(error) && run.next > next) mayGetRanges = false;
      else if (!(error instanceof StoodStill)) throw error;
      // Nothing of it goes before its end: two of them could wait for each other for ever.
      else if (options.isSizeUnknown) throw noRoom();
    } finally {
      main = undefined;
      isMainWhole = false;
      end(run);
    }
  };

  /** The main GET stops before `segment`, if it has not come as far. */
  const cutBefore = (segment: Segment): boolean => {
    const owner = claims.ownerOf(segment);
    if (owner === undefined) return true;
    if (owner !== main || main.next > segment.start || !mayGetRanges) return false;
    main.endExclusive = Math.max(main.next, segment.start);
    claims.disclaim(main, segment.index);
    return true;
  };

  /** False: there is no room for it now, or another run brings it. */
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
      else if (!(error instanceof StoodStill)) {
        aloneUntilMs = performance.now() + aloneMs;
        connections?.refused(error instanceof ExtraRefused ? error.by : 'host');
      }
    } finally {
      end(run);
      // The whole brings what this one was to bring, unless it has ended meanwhile.
      if (!mayGetRanges && isMainWhole && main !== undefined && main.next < main.endExclusive) {
        main.endExclusive = segments.size;
        claims.claimAllOpen(main);
      }
    }
  };

  /** More connections, where they pay: behind what the main one is about to bring. */
  const stripe = () => {
    while (connections !== undefined && !isAlone() && mayGetRanges && claims.count < connections.allowed) {
      const behind = main && Math.ceil((main.next + shareBytes()) / segments.segmentBytes);
      const place =
        claims.firstOpen ?? (behind === undefined || behind >= segments.count ? undefined : segments.at(behind));
      if (place === undefined || place.isComplete || !startExtra(place)) return;
    }
  };

  /** Whether a fetch that is under way brings the byte at `offset` soon. */
  const brings = (offset: number): boolean => {
    const segment = segments.holding(offset);
    const owner = claims.ownerOf(segment);
    return owner !== undefined && segment.start - owner.next <= nearBytesOf(segments.segmentBytes);
  };

  return {
    /** Fetches all that is missing. `opened`: a body of the whole, where it has been asked for. */
    async all(opened?: UpstreamBlobBody): Promise<void> {
      let whole = opened;
      for (;;) {
        signal.throwIfAborted();
        const first = claims.firstOpen;
        if (first === undefined) whole?.close();
        if (first === undefined && claims.count === 0) return;
        await (first === undefined ? changed.promise : bring(first, whole));
        whole = undefined;
      }
    },
    /**
     * A reader waits for the byte at `offset`. True if a fetch brings it soon, or one has been begun there. False: not for long, for
     * want of room.
     */
    want(offset: number): boolean {
      const segment = segments.holding(offset);
      // Between two runs the main one is about to choose.
      if (!mayGetRanges || isAlone() || main === undefined || claims.count > maxAhead || brings(offset)) return true;
      const owner = claims.ownerOf(segment);
      if (owner !== undefined && owner !== main) return true;
      return startExtra(segment);
    },
    brings,
    /** Whether upstream answers ranges, as far as it is known. */
    get mayGetRanges(): boolean {
      return mayGetRanges;
    },
    /** Bodies that upstream sends now. */
    get connections(): number {
      return answeredRuns.size;
    },
    /** The bytes that came are not those of the blob. */
    mismatched(): void {
      if (hasExtras) connections?.mismatched();
    },
    /** The fill has ended. */
    close(): void {
      connections?.leave();
      connections = undefined;
    },
  };
}
