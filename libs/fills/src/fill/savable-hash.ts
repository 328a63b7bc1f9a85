// The hash of a large blob. Its state can be saved, so that another worker can continue it (decision 0069).
import type { Digest } from '@cistern/oci';
import type { IHasher } from 'hash-wasm';
import type { Segments } from '../spool/segments.ts';

/** Allows one call at a time. */
export interface SavableHash {
  /**
   * Hashes the blob's bytes from the current position to `end`. They must be present, in one segment. Resolves with the state
   * after them, which contains some of those bytes.
   */
  readOn(from: number, end: number): Promise<Uint8Array>;
  /** Returns the digest in hex. Call it once, at the end. */
  digest(): Promise<string>;
  /** Ends the hash, even during a call, which then may never settle. Idempotent. */
  close(): void;
}

/** Continues from `state` if it is set. Rejects if another build of the hash wrote the state. The caller closes the hash. */
export type OpenSavableHash = (
  digest: Digest,
  segments: Pick<Segments, 'read' | 'locate'>,
  state?: Uint8Array,
) => Promise<SavableHash>;

export const hashReadBytes = 1024 * 1024;

/** Loads the hash library on first use: most processes never fetch such a large blob. */
export async function loadHasher(algorithm: string, state: Uint8Array | undefined): Promise<IHasher> {
  const { createSHA256, createSHA512 } = await import('hash-wasm');
  const hasher = await (algorithm === 'sha512' ? createSHA512() : createSHA256());
  return state === undefined ? hasher.init() : hasher.load(state);
}
