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
  const waiters = new Set<() => void>();
  let verified = false;
  let failure: { readonly error: unknown } | undefined;
  /** Set: no more bytes come here, and readers go on there. */
  let goesOn: 'elsewhere' | 'in the store' | undefined;
  let isCleared = false;

  const wake = () => {
    for (const waiter of waiters) waiter();
  };
  const unverifiedEnd = () => (segments.size <= withheldWholeBytes ? 0 : segments.size - 1);

  return {
    segments,
    get size(): number {
      return segments.size;
    },
    /** Wakes every waiting reader, so that it looks again. */
    wake,
    /** Where a reader has to stop before the whole has been verified. */
    get openEnd(): number {
      return verified ? segments.size : unverifiedEnd();
    },
    /** Throws the failure once the fill has failed. */
    checkFailed(): void {
      if (failure !== undefined) throw failure.error;
    },
    /** Throws where a reader that lacks bytes has to go. */
    checkGoesOn(): void {
      if (goesOn === 'elsewhere') throw movedElsewhere();
      if (goesOn !== undefined) throw new SourceInterrupted('the blob has been stored', { isStored: true });
    },
    /** Resolves at the next change, or when `signal` is aborted. */
    changed(signal: AbortSignal): Promise<void> {
      return new Promise((resolve) => {
        const done = () => {
          waiters.delete(done);
          signal.removeEventListener('abort', done);
          resolve();
        };
        if (signal.aborted) return resolve();
        waiters.add(done);
        signal.addEventListener('abort', done, { once: true });
      });
    },
    get verified(): boolean {
      return verified;
    },
    get failed(): boolean {
      return failure !== undefined;
    },
    /** Another worker goes on. The bytes that are here stay readable. */
    markMoved(): void {
      goesOn = 'elsewhere';
      wake();
    },
    /** The store has it. Readers that lack bytes go on there. */
    markStored(): void {
      goesOn = 'in the store';
      wake();
    },
    /** Stored: all readers go on in the store now, whatever is still here. */
    clear(): void {
      goesOn ??= 'in the store';
      isCleared = true;
      wake();
    },
    get isCleared(): boolean {
      return isCleared;
    },
    markVerified(): void {
      verified = true;
      wake();
    },
    /** Ends the wait of every reader. A verified body is whole and stays readable: then this does nothing. */
    fail(error: unknown): void {
      if (verified) return;
      failure ??= { error };
      wake();
    },
  };
}
