// The bytes of a fill as its readers see them: what is present, what is still withheld, and how it ended. The end is
// withheld until the whole has been verified, so that no reader can take an unverified body for a complete one.
import type { Spool } from './spool.ts';

export interface FillBody {
  readonly size: number;
  readonly spool: Spool;
  write(offset: number, chunks: readonly Uint8Array[]): Promise<void>;
  /** How far a reader at `offset` may read now. Throws the failure once the fill has failed. */
  readableEnd(offset: number): number;
  /** As `readableEnd`, but the withheld end counts too: for the hasher and the uploader. */
  presentEnd(offset: number): number;
  /** Resolves when bytes at `offset` come, the whole is verified, the fill fails, or `signal` is aborted. */
  changeAt(offset: number, signal?: AbortSignal): Promise<void>;
  readonly verified: boolean;
  readonly failed: boolean;
  /** No more bytes come here: somebody else goes on. What is present stays readable. */
  readonly moved: boolean;
  markVerified(): void;
  markMoved(): void;
  /** Ends the wait of every reader. What is verified is whole and stays readable: then this does nothing. */
  fail(error: unknown): void;
  /** Wakes every waiting reader, so that it looks again for somebody who brings its bytes. */
  nudge(): void;
}

/** A blob of at most this many bytes is withheld whole. */
const withheldWholeBytes = 64 * 1024;

export function createFillBody(spool: Spool): FillBody {
  const { size } = spool;
  const unverifiedEnd = size <= withheldWholeBytes ? 0 : size - 1;
  const waiters = new Map<() => void, number>();
  let verified = false;
  let moved = false;
  let failure: { error: unknown } | undefined;

  const wake = (start: number, endExclusive: number) => {
    for (const [waiter, offset] of waiters) if (offset >= start && offset < endExclusive) waiter();
  };
  const presentEnd = (offset: number) => {
    if (failure !== undefined) throw failure.error;
    return spool.present.runEnd(offset);
  };

  return {
    size,
    spool,
    async write(offset, chunks) {
      await spool.write(offset, chunks);
      wake(offset, spool.present.runEnd(offset));
    },
    presentEnd,
    readableEnd(offset) {
      const end = presentEnd(offset);
      return verified ? end : Math.max(offset, Math.min(end, unverifiedEnd));
    },
    changeAt(offset, signal) {
      return new Promise((resolve) => {
        const done = () => {
          waiters.delete(done);
          signal?.removeEventListener('abort', done);
          resolve();
        };
        if (signal?.aborted) return resolve();
        waiters.set(done, offset);
        signal?.addEventListener('abort', done, { once: true });
      });
    },
    get verified() {
      return verified;
    },
    get failed() {
      return failure !== undefined;
    },
    get moved() {
      return moved;
    },
    markMoved() {
      moved = true;
      wake(0, Infinity);
    },
    markVerified() {
      verified = true;
      wake(0, Infinity);
    },
    fail(error) {
      if (verified) return;
      failure ??= { error };
      wake(0, Infinity);
    },
    nudge: () => wake(0, Infinity),
  };
}
