// The bytes of a fill as its readers see them: what is here, what is withheld, and how it ended. The end is withheld until the whole has
// been verified, so that no reader takes an unverified body for a complete one.
import { SourceInterrupted } from '@cistern/streams';
import type { Segments } from '../spool/segments.ts';

export type FillBody = ReturnType<typeof createFillBody>;

/** A blob of at most this many bytes is withheld whole. */
const withheldWholeBytes = 64 * 1024;

/** The error of a reader that needs bytes which come elsewhere now. */
export function movedElsewhere(): SourceInterrupted {
  return new SourceInterrupted('another worker goes on with the fill');
}

export function createFillBody(segments: Segments) {
  let changed = Promise.withResolvers<void>();
  let verified = false;
  /** Set: no more bytes come here. It is for readers that lack bytes, or for all of them. */
  let over: { readonly error: unknown; readonly isForAll: boolean } | undefined;

  /** Wakes every waiting reader, so that it looks again. */
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
    /** Where a reader has to stop before the whole has been verified. */
    get openEnd(): number {
      if (verified) return segments.size;
      return segments.size <= withheldWholeBytes ? 0 : segments.size - 1;
    },
    /** Throws once nothing is read here any more. */
    checkReadable(): void {
      if (over?.isForAll === true) throw over.error;
    },
    /** Throws once no more bytes come here: a reader that lacks some goes on elsewhere, or has failed. */
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
    /** Another worker goes on. The bytes that are here stay readable. */
    markMoved(): void {
      if (over === undefined) end(movedElsewhere(), false);
    },
    /** The store has it. Readers that lack bytes go on there. */
    markStored(): void {
      if (over === undefined) end(storedElsewhere(), false);
    },
    /** All readers go on in the store, or where it has moved, whatever is still here. */
    clear(): void {
      end(storedElsewhere(), true);
    },
    /** Ends the wait of every reader. A verified body is whole and stays readable: then this does nothing. */
    fail(error: unknown): void {
      if (!verified) end(error, true);
    },
  };
}

function storedElsewhere(): SourceInterrupted {
  return new SourceInterrupted('the blob has been stored', { isStored: true });
}
