// The running hash of a fill. Chunks that are next in order are hashed as they arrive; others are read back from the spool.
import { createDigestHash, type Digest, digestAlgorithm } from '@cistern/oci';
import type { Segments } from '../spool/segments.ts';

const readBytes = 1024 * 1024;

export interface HashSegmentsOptions {
  readonly digest: Digest;
  readonly segments: Segments;
  /** Called when a segment has been hashed to its end. */
  readonly onHashed: () => void;
  readonly signal: AbortSignal;
}

export function createSegmentHash({ digest, segments, onHashed, signal }: HashSegmentsOptions) {
  const hash = createDigestHash(digest);
  let position = 0;
  /** All segments before it are marked as hashed. */
  let marked = 0;
  let catchingUp: Promise<void> | undefined;

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
    const buffer = Buffer.allocUnsafe(Math.min(readBytes, segments.size));
    for (let end = segments.presentEnd(position); end > position; end = segments.presentEnd(position)) {
      signal.throwIfAborted();
      const length = await segments.read(position, buffer.subarray(0, Math.min(end - position, buffer.length)));
      update(buffer.subarray(0, length));
      mark();
    }
  };

  return {
    get position(): number {
      return position;
    },
    /** Takes chunks that are being written at `offset`: hashed at once where they are next. */
    offer(offset: number, chunks: readonly Uint8Array[]): void {
      if (offset !== position || catchingUp !== undefined) return;
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
    /** The digest of everything that was hashed; called once, at the end. */
    digest: (): Digest => `${digestAlgorithm(digest)}:${hash.digest('hex')}` as Digest,
  };
}
