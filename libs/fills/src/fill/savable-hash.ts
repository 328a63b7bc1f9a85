// The hash of a large blob. The state of the hash can be saved, so that another worker can continue it (decision 0069).
import type { Digest } from '@cistern/oci';
import type { IHasher } from 'hash-wasm';
import type { Segments } from '../spool/segments.ts';

/** Only one call may run at a time. */
export interface SavableHash {
  /**
   * Hashes the blob's bytes from the current position to `end`. They must be present, and in one segment. Resolves to the state
   * of the hash after them. The state contains some of the blob's bytes.
   */
  readOn(from: number, end: number): Promise<Uint8Array>;
  /** Resolves to the digest in hex. Must be called only one time, at the end. */
  digest(): Promise<string>;
  /** Ends the hash. A call that is running may then never settle. Idempotent. */
  close(): void;
}

/**
 * Continues from `state` if it is set. Rejects if the state comes from an incompatible build of the hash library. The caller
 * closes the hash.
 */
export type OpenSavableHash = (
  digest: Digest,
  segments: Pick<Segments, 'read' | 'locate'>,
  state?: Uint8Array,
) => Promise<SavableHash>;

export const hashReadBytes = 1024 * 1024;

/** Loads the hash library only when it is needed, because most processes never fetch such a large blob. */
export async function loadHasher(algorithm: string, state: Uint8Array | undefined): Promise<IHasher> {
  const { createSHA256, createSHA512 } = await import('hash-wasm');
  const hasher = await (algorithm === 'sha512' ? createSHA512() : createSHA256());
  return state === undefined ? hasher.init() : hasher.load(state);
}
