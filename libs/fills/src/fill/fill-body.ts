// Tracks which bytes of a fill are present, which are withheld from its readers, and how the fill ended. The end of a blob is
// withheld until the whole blob is verified, so that no reader mistakes an unverified body for a complete one.
import { SourceInterrupted } from '@cistern/streams';
import type { Segments } from '../spool/segments.ts';

export type FillBody = ReturnType<typeof createFillBody>;

/**
 * A blob of at most this many bytes is withheld entirely if it is one segment. If it were several, the fill would never free the
 * first of them, because no reader could pass it.
 */
const withheldWholeBytes = 64 * 1024;

/** The error for a reader whose bytes now come from another worker. */
export function movedElsewhere(): SourceInterrupted {
  return new SourceInterrupted('another worker continues the fill');
}

export function createFillBody(segments: Segments) {
  let changed = Promise.withResolvers<void>();
  let verified = false;
  /**
   * Set when no more bytes arrive here. `isForAll` is true if no reader can read here any more. If false, it stops only readers
   * whose bytes are missing.
   */
  let over: { readonly error: unknown; readonly isForAll: boolean } | undefined;

  /** Wakes every waiting reader, so that it checks again. */
  const wake = () => {
    changed.resolve();
    changed = Promise.withResolvers();
  };

  const end = (error: unknown, isForAll: boolean) => {
    over = { error: over?.error ?? error, isForAll };
    wake();
  };

  return {
    segments,
    get size(): number {
      return segments.size;
    },
    wake,
    /** Resolves at the next change. */
    get changed(): Promise<void> {
      return changed.promise;
    },
    /** The offset at which a reader must stop until the whole blob is verified. */
    get openEnd(): number {
      if (verified) return segments.size;
      return segments.size <= withheldWholeBytes && segments.count === 1 ? 0 : segments.size - 1;
    },
    /** Throws if bytes can no longer be read here. */
    checkReadable(): void {
      if (over?.isForAll === true) throw over.error;
    },
    /** Throws if no more bytes arrive here. A reader whose bytes are missing then continues elsewhere, or fails. */
    checkComing(): void {
      if (over !== undefined) throw over.error;
    },
    get verified(): boolean {
      return verified;
    },
    markVerified(): void {
      verified = true;
      wake();
    },
    /** Called when another worker continues the fill. The bytes that are present stay readable. */
    markMoved(): void {
      if (over === undefined) end(movedElsewhere(), false);
    },
    /** Called when the store has the blob. Readers whose bytes are missing here continue in the store. */
    markStored(): void {
      if (over === undefined) end(storedElsewhere(), false);
    },
    /** Makes all readers continue in the store or with the next worker, even if their bytes are present here. */
    clear(): void {
      end(storedElsewhere(), true);
    },
    /**
     * Ends the wait of every reader. Does nothing if the body is verified, because a verified body is complete and stays
     * readable.
     */
    fail(error: unknown): void {
      if (!verified) end(error, true);
    },
  };
}

function storedElsewhere(): SourceInterrupted {
  return new SourceInterrupted('the blob has been stored', { isStored: true });
}
