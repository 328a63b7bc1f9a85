// The running hash of a fill. The hash of a large blob can be saved, and reads all bytes back from the spool. The other one takes chunks
// as they arrive where they are next in order, and reads the rest back.
import { createDigestHash, type Digest, digestAlgorithm } from '@cistern/oci';
import type { SavableHash } from './savable-hash.ts';
import type { Segments } from '../spool/segments.ts';

const readBytes = 1024 * 1024;

export interface HashSegmentsOptions {
  readonly digest: Digest;
  readonly segments: Segments;
  /** Set for a large blob: its state is kept behind each segment. It begins behind the segments that are marked as hashed. */
  readonly savable?: SavableHash | undefined;
  /** Called when a segment has been hashed to its end. */
  readonly onHashed: () => void;
  readonly signal: AbortSignal;
}

export type SegmentHash = ReturnType<typeof createSegmentHash>;

export function createSegmentHash({ digest, segments, savable, onHashed, signal }: HashSegmentsOptions) {
  const hash = createDigestHash(digest);
  let position = 0;
  while (position < segments.size && segments.holding(position).isHashed) position = segments.holding(position).end;
  /** All segments before it are marked as hashed. */
  let marked = position;
  let catchingUp: Promise<void> | undefined;
  /** By the segments behind which they are. */
  const states = new Map<number, Uint8Array>();

  const update = (chunk: Uint8Array) => {
    hash.update(chunk);
    position += chunk.length;
  };

  const mark = () => {
    const before = marked;
    while (marked < segments.size) {
      const segment = segments.holding(marked);
      // Offered bytes may still be on their way to the disk.
      if (segment.end > position || !segment.isComplete) break;
      segment.isHashed = true;
      marked = segment.end;
    }
    if (marked > before) onHashed();
  };

  const readOn = async () => {
    const buffer = Buffer.allocUnsafe(savable === undefined ? Math.min(readBytes, segments.size) : 0);
    for (let end = segments.presentEnd(position); end > position; end = segments.presentEnd(position)) {
      signal.throwIfAborted();
      if (savable === undefined) {
        const length = await segments.read(position, buffer.subarray(0, Math.min(end - position, buffer.length)));
        update(buffer.subarray(0, length));
      } else {
        const { index } = segments.holding(position);
        states.set(index, await savable.readOn(position, end));
        position = end;
      }
      mark();
    }
  };

  return {
    get position(): number {
      return position;
    },
    /** Takes chunks that are being written at `offset`: hashed at once where they are next. */
    offer(offset: number, chunks: readonly Uint8Array[]): void {
      if (savable !== undefined || offset !== position || catchingUp !== undefined) return;
      for (const chunk of chunks) update(chunk);
    },
    /** To be called when bytes were written: marks segments, and hashes what is here and was not offered in its turn. */
    async catchUp(): Promise<void> {
      mark();
      while (segments.presentEnd(position) > position) {
        catchingUp ??= readOn().finally(() => {
          catchingUp = undefined;
        });
        await catchingUp;
      }
    },
    /** The state behind a segment that is hashed. Those before it are forgotten. */
    takeState(index: number): Uint8Array | undefined {
      for (const before of states.keys()) if (before < index) states.delete(before);
      return states.get(index);
    },
    /** The digest of everything that was hashed; called once, at the end. */
    async digest(): Promise<Digest> {
      return `${digestAlgorithm(digest)}:${(await savable?.digest()) ?? hash.digest('hex')}` as Digest;
    },
    close: () => savable?.close(),
  };
}
