// The bytes of a fill as its readers see them: what is present, what is still withheld, and how it ended. The end is
// withheld until the whole has been verified, so that no reader can take an unverified body for a complete one.
import { createDigestHash, type Digest, digestAlgorithm } from '@cistern/oci';
import { SourceInterrupted } from '@cistern/streams';
import type { Spool } from './spool.ts';

export type FillBody = ReturnType<typeof createFillBody>;

export interface VerifierOptions {
  readonly digest: Digest;
  /** The end of what is present behind `offset`. */
  readonly presentEnd: (offset: number) => number;
  /** Reads bytes that are present, at least one. */
  readonly read: (offset: number, into: Uint8Array) => Promise<number>;
}

/** A blob of at most this many bytes is withheld whole. */
const withheldWholeBytes = 64 * 1024;
const readBytes = 1024 * 1024;

/** The error of a reader or an upload that needs bytes which come elsewhere now. */
export function movedElsewhere(): SourceInterrupted {
  return new SourceInterrupted('somebody else goes on with the fill');
}

export function createFillBody(spool: Spool) {
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
    async write(offset: number, chunks: readonly Uint8Array[]): Promise<void> {
      await spool.write(offset, chunks);
      wake(offset, spool.present.runEnd(offset));
    },
    /** As `readableEnd`, but the withheld end counts too: for the hasher and the uploader. */
    presentEnd,
    /** How far a reader at `offset` may read now. Throws the failure once the fill has failed. */
    readableEnd(offset: number): number {
      const end = presentEnd(offset);
      return verified ? end : Math.max(offset, Math.min(end, unverifiedEnd));
    },
    /** Resolves when bytes at `offset` come, the whole is verified, the fill fails, or `signal` is aborted. */
    changeAt(offset: number, signal?: AbortSignal): Promise<void> {
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
    get verified(): boolean {
      return verified;
    },
    get failed(): boolean {
      return failure !== undefined;
    },
    /** No more bytes come here: another worker goes on. The present bytes stay readable. */
    get moved(): boolean {
      return moved;
    },
    /** Throws `movedElsewhere` once no more bytes come here. */
    checkMoved(): void {
      if (moved) throw movedElsewhere();
    },
    markMoved(): void {
      moved = true;
      wake(0, Infinity);
    },
    markVerified(): void {
      verified = true;
      wake(0, Infinity);
    },
    /** Ends the wait of every reader. A verified body is whole and stays readable: then this does nothing. */
    fail(error: unknown): void {
      if (verified) return;
      failure ??= { error };
      wake(0, Infinity);
    },
    /** Wakes every waiting reader, so that it looks again for a fetcher that brings its bytes. */
    nudge: (): void => wake(0, Infinity),
  };
}

/**
 * The running hash of a fill. It takes chunks straight from the fetcher when they come in order, and reads them back from the spool
 * when they do not.
 */
export function createVerifier({ digest, presentEnd, read }: VerifierOptions) {
  const hash = createDigestHash(digest);
  let position = 0;
  let catchingUp: Promise<void> | undefined;

  const readOn = async () => {
    const buffer = Buffer.allocUnsafe(readBytes);
    for (let left = presentEnd(position) - position; left > 0; left = presentEnd(position) - position) {
      const length = await read(position, buffer.subarray(0, Math.min(left, buffer.length)));
      hash.update(buffer.subarray(0, length));
      position += length;
    }
  };

  return {
    /** Takes chunks that are being written at `offset`: hashed at once if they are next in order. */
    offer(offset: number, chunks: readonly Uint8Array[]): void {
      if (offset !== position || catchingUp !== undefined) return;
      for (const chunk of chunks) {
        hash.update(chunk);
        position += chunk.length;
      }
    },
    /** Hashes the present bytes behind the last hashed one; resolves when it has caught up. */
    async catchUp(): Promise<void> {
      while (presentEnd(position) > position) {
        catchingUp ??= readOn().finally(() => {
          catchingUp = undefined;
        });
        await catchingUp;
      }
    },
    /** The digest of everything hashed; call once, at the end. */
    digest: () => `${digestAlgorithm(digest)}:${hash.digest('hex')}` as Digest,
  };
}
