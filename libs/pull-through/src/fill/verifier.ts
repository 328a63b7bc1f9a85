// The running hash of a fill. It takes chunks straight from the fetcher when they come in order, and reads them back
// from the spool when they do not.
import { type Digest, createDigestHash, digestAlgorithm } from '@cistern/oci';

export interface Verifier {
  /** Tells that `chunks` at `offset` have arrived; hashed at once if they are next in order. */
  offer(offset: number, chunks: readonly Uint8Array[]): void;
  /** Hashes whatever is present behind the last hashed byte; resolves when it has caught up. */
  catchUp(runEnd: (offset: number) => number): Promise<void>;
  /** Bytes hashed so far, from 0. */
  readonly position: number;
  /** Of everything offered; call once, at the end. */
  digest(): Digest;
}

const readBytes = 1024 * 1024;

export function createVerifier(digest: Digest, read: (offset: number, into: Uint8Array) => Promise<number>): Verifier {
  const hash = createDigestHash(digest);
  let position = 0;
  let catchingUp: Promise<void> | undefined;

  const readOn = async (runEnd: (offset: number) => number) => {
    let buffer: Buffer | undefined;
    for (;;) {
      const left = runEnd(position) - position;
      if (left <= 0) return;
      buffer ??= Buffer.allocUnsafe(readBytes);
      const length = await read(position, buffer.subarray(0, Math.min(left, readBytes)));
      if (length === 0) throw new Error('the spool file is shorter than what was written to it');
      hash.update(buffer.subarray(0, length));
      position += length;
    }
  };

  return {
    offer(offset, chunks) {
      if (offset !== position || catchingUp !== undefined) return;
      for (const chunk of chunks) {
        hash.update(chunk);
        position += chunk.length;
      }
    },
    async catchUp(runEnd) {
      if (runEnd(position) <= position) return;
      catchingUp ??= readOn(runEnd).finally(() => {
        catchingUp = undefined;
      });
      await catchingUp;
    },
    get position() {
      return position;
    },
    digest: () => `${digestAlgorithm(digest)}:${hash.digest('hex')}` as Digest,
  };
}
