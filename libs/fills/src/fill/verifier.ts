// The running hash of a fill. It takes chunks straight from the fetcher when they come in order, and reads them back
// from the spool when they do not.
import { type Digest, createDigestHash, digestAlgorithm } from '@cistern/oci';

export interface Verifier {
  /** Tells that `chunks` at `offset` are being written; hashed at once if they are next in order. */
  offer(offset: number, chunks: readonly Uint8Array[]): void;
  /** Hashes whatever is present behind the last hashed byte; resolves when it has caught up. */
  catchUp(): Promise<void>;
  /** Of everything hashed; call once, at the end. */
  digest(): Digest;
}

export interface VerifierOptions {
  readonly digest: Digest;
  /** The end of what is present behind `offset`. */
  readonly presentEnd: (offset: number) => number;
  /** Reads bytes that are present, at least one. */
  readonly read: (offset: number, into: Uint8Array) => Promise<number>;
}

const readBytes = 1024 * 1024;

export function createVerifier({ digest, presentEnd, read }: VerifierOptions): Verifier {
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
    offer(offset, chunks) {
      if (offset !== position || catchingUp !== undefined) return;
      for (const chunk of chunks) {
        hash.update(chunk);
        position += chunk.length;
      }
    },
    async catchUp() {
      while (presentEnd(position) > position) {
        catchingUp ??= readOn().finally(() => {
          catchingUp = undefined;
        });
        await catchingUp;
      }
    },
    digest: () => `${digestAlgorithm(digest)}:${hash.digest('hex')}` as Digest,
  };
}
