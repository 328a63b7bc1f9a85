// Plans a fill's GETs. The first GET is plain and reads to the end. The others are ranged. They serve a reader that waits ahead
// of the first GET, and use more connections where those pay. They take segments from the first GET, which ends where the first
// of them begins.
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
  /** Appends to one segment. If it fails the fill ends: its bytes are not fetched again. */
  readonly append: (offset: number, chunks: readonly Buffer[]) => Promise<void>;
  /** The most bytes that one ranged GET fetches while another GET runs. */
  readonly rangeBytes: number;
  /** Called with the host that sends the bytes. Decides how many connections are open. Unset means one. */
  readonly connect?: ((host: string) => FillConnections) | undefined;
  /** If true, the segments' size is only an upper bound, and the blob ends where the body ends. */
  readonly isSizeUnknown: boolean;
  /** Called when a fetch has ended, so that waiting readers check again. */
  readonly onChange: () => void;
  readonly signal: AbortSignal;
}

export type SegmentFetch = ReturnType<typeof createSegmentFetch>;

/** Upstreams drop connections that are not read. */
const stallMs = 10_000;
const maxAhead = 4;
/** After an extra GET fails, no other is tried for this long. The main GET fetches the rest. */
const extrasPauseMs = 10_000;
/** The fewest segments per GET when there are several. A trial fetches one, so that the next trial need not wait for it. */
const fewSegments = 2;

export function createSegmentFetch(options: SegmentFetchOptions) {
  const { segments, room, get, append, rangeBytes, onChange, signal } = options;
  const claims = createClaims(segments);
  /** Runs whose GET upstream has answered. */
  const answeredRuns = new Set<Run>();
  let connections: FillConnections | undefined;
  let main: Run | undefined;
  /** The main body, which may not have arrived yet, continues to the end of the blob, even if its run must stop before that. */
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

  /** `isGetOpen`: a GET waits for the space, and upstream will soon drop it. */
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
      // A failed GET may have left earlier segments missing. Those come first.
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

  /** Shrinks towards the end, so that all connections end at about the same time. */
  const shareBytes = (): number => {
    const { segmentBytes } = segments;
    if (connections?.isOnTrial === true) return segmentBytes;
    const leftBytes = segments.size - segments.fetchedBytes;
    return Math.max(fewSegments * segmentBytes, Math.min(rangeBytes, leftBytes / (2 * (connections?.allowed ?? 1))));
  };

  /** Appends the bytes that are next in their segments. It skips bytes that are present already. */
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

  /** `run` begins at 0. It may pass segments of GETs that upstream refuses later, so it fetches those itself. */
  const fetchAllOpen = (run: Run) => {
    isMainWhole = true;
    for (const other of claims.runs)
      if (other !== run && !answeredRuns.has(other)) {
        other.endExclusive = other.next;
        claims.disclaim(other);
      }
    claims.claimAllOpen(run);
  };

  /** Opens a body at `run.next`. If upstream refuses ranges, it begins at 0 and passes over the segments that are complete. */
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
      // The fill's predecessor had the bytes so far, but upstream does not send the rest as a range.
      if (isNoRange(error) && run.next > next) mayGetRanges = false;
      else if (!(error instanceof Stalled)) throw error;
      // Without a length nothing is freed before the end, so two such fills could wait for each other forever.
      else if (options.isSizeUnknown) throw noRoom();
    } finally {
      main = undefined;
      isMainWhole = false;
      end(run);
    }
  };

  /** Ends the main GET before `segment`. Returns false if another run fetches it, or the main GET has passed its start. */
  const cutBefore = (segment: Segment): boolean => {
    const owner = claims.ownerOf(segment);
    if (owner === undefined) return true;
    if (owner !== main || main.next > segment.start || !mayGetRanges) return false;
    main.endExclusive = Math.max(main.next, segment.start);
    claims.disclaim(main, segment.index);
    return true;
  };

  /** Starts a ranged GET at `first`. Returns false if there is no space for it now, or another run fetches it. */
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

  /** Starts more connections, where they pay, behind the bytes that the main GET is about to fetch. */
  const stripe = () => {
    while (connections !== undefined && !areExtrasPaused() && mayGetRanges && claims.count < connections.allowed) {
      const behind = main && Math.ceil((main.next + shareBytes()) / segments.segmentBytes);
      const place =
        claims.firstOpen ?? (behind === undefined || behind >= segments.count ? undefined : segments.at(behind));
      if (place === undefined || place.isComplete || !startExtra(place)) return;
    }
  };

  /** Whether a running fetch delivers the byte at `offset` soon. */
  const delivers = (offset: number): boolean => {
    const segment = segments.holding(offset);
    const owner = claims.ownerOf(segment);
    return owner !== undefined && segment.start - owner.next <= nearBytesOf(segments.segmentBytes);
  };

  return {
    /** Fetches all missing segments. `opened` is a body of the whole blob that was requested before, if any. */
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
     * A reader waits for the byte at `offset`. Returns true if a fetch delivers it soon, or was started there. Returns false if
     * the byte will take long, because there is no space.
     */
    want(offset: number): boolean {
      const segment = segments.holding(offset);
      // Between two runs, `all` is about to choose the main one.
      if (!mayGetRanges || areExtrasPaused() || main === undefined || claims.count > maxAhead || delivers(offset))
        return true;
      const owner = claims.ownerOf(segment);
      if (owner !== undefined && owner !== main) return true;
      return startExtra(segment);
    },
    delivers,
    /** Whether upstream supports ranges, as far as is known. */
    get mayGetRanges(): boolean {
      return mayGetRanges;
    },
    /** Number of bodies that upstream sends now. */
    get connections(): number {
      return answeredRuns.size;
    },
    /** The received bytes are not those of the blob. */
    mismatched(): void {
      if (hasExtras) connections?.mismatched();
    },
    /** Ends the use of connections, when the fill has ended. */
    close(): void {
      connections?.leave();
      connections = undefined;
    },
  };
}
