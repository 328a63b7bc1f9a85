// The bytes of a fill as its readers see them: which are present, which are withheld, and how the fill ended. The end is withheld
// until the whole blob is verified, so that no reader takes an unverified body for a complete one.
import { SourceInterrupted } from '@cistern/streams';
import type { Segments } from '../spool/segments.ts';

export type FillBody = ReturnType<typeof createFillBody>;

/** A blob of at most this many bytes is withheld entirely. */
const withheldWholeBytes = 64 * 1024;

/** The error for a reader whose bytes now come from another worker. */
export function movedElsewhere(): SourceInterrupted {
  return new SourceInterrupted('another worker continues the fill');
}

export function createFillBody(segments: Segments) {
  let changed = Promise.withResolvers<void>();
  let verified = false;
  /** Set when no more bytes arrive here. Applies to readers that lack bytes, or to all readers. */
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
      return segments.size <= withheldWholeBytes ? 0 : segments.size - 1;
    },
    /** Throws once no bytes can be read here any more. */
    checkReadable(): void {
      if (over?.isForAll === true) throw over.error;
    },
    /** Throws once no more bytes arrive here. A reader that lacks some continues elsewhere, or fails. */
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
    /** Another worker continues the fill. The bytes that are present stay readable. */
    markMoved(): void {
      if (over === undefined) end(movedElsewhere(), false);
    },
    /** The store has the blob. Readers that lack bytes continue there. */
    markStored(): void {
      if (over === undefined) end(storedElsewhere(), false);
    },
    /** All readers continue in the store, or with the next worker, even if their bytes are present here. */
    clear(): void {
      end(storedElsewhere(), true);
    },
    /** Ends the wait of every reader. A verified body is complete and stays readable, so this does nothing then. */
    fail(error: unknown): void {
      if (!verified) end(error, true);
    },
  };
}

function storedElsewhere(): SourceInterrupted {
  return new SourceInterrupted('the blob has been stored', { isStored: true });
}
