// The running hash of a fill. There are two kinds. The hash of a large blob can be saved, and it reads all bytes back from the
// spool. The hash of other blobs hashes chunks on arrival if they are next in order, and reads only the rest back.
import { createDigestHash, type Digest, digestAlgorithm } from '@cistern/oci';
import type { SavableHash } from './savable-hash.ts';
import type { Segments } from '../spool/segments.ts';

const readBytes = 1024 * 1024;

export interface HashSegmentsOptions {
  readonly digest: Digest;
  readonly segments: Segments;
  /**
   * Set for a large blob. Its state is kept after each segment. It begins after the segments that are already marked as hashed.
   */
  readonly savable?: SavableHash | undefined;
  /** Called when a segment is completely hashed. */
  readonly onHashed: () => void;
  readonly signal: AbortSignal;
}

export type SegmentHash = ReturnType<typeof createSegmentHash>;

export function createSegmentHash({ digest, segments, savable, onHashed, signal }: HashSegmentsOptions) {
  const hash = createDigestHash(digest);
  let position = 0;
  while (position < segments.size && segments.holding(position).isHashed) position = segments.holding(position).end;
  /** All segments before this offset are marked as hashed. */
  let marked = position;
  let catchingUp: Promise<void> | undefined;
  /** The state of the hash after each segment, by the segment's index. */
  const states = new Map<number, Uint8Array>();

  const update = (chunk: Uint8Array) => {
    hash.update(chunk);
    position += chunk.length;
  };

  const mark = () => {
    const before = marked;
    while (marked < segments.size) {
      const segment = segments.holding(marked);
      // Bytes that `offer` has hashed may not be on the disk yet, so their segment is not complete.
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
    /** Called with chunks that are being written at `offset`. Hashes them immediately if they are next in order. */
    offer(offset: number, chunks: readonly Uint8Array[]): void {
      if (savable !== undefined || offset !== position || catchingUp !== undefined) return;
      for (const chunk of chunks) update(chunk);
    },
    /** Must be called after each write. Marks hashed segments, and hashes present bytes that were not offered in order. */
    async catchUp(): Promise<void> {
      mark();
      while (segments.presentEnd(position) > position) {
        catchingUp ??= readOn().finally(() => {
          catchingUp = undefined;
        });
        await catchingUp;
      }
    },
    /** Returns the state after a hashed segment, and forgets the states after earlier segments. */
    takeState(index: number): Uint8Array | undefined {
      for (const before of states.keys()) if (before < index) states.delete(before);
      return states.get(index);
    },
    /** Returns the digest of all hashed bytes. Must be called only one time, at the end. */
    async digest(): Promise<Digest> {
      return `${digestAlgorithm(digest)}:${(await savable?.digest()) ?? hash.digest('hex')}` as Digest;
    },
    close: () => savable?.close(),
  };
}
