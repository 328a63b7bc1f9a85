// The hash of a large blob: its state can be saved, so that another worker goes on with it (decision 0069).
import type { Digest } from '@cistern/oci';
import type { IHasher } from 'hash-wasm';
import type { Segments } from '../spool/segments.ts';

/** One call at a time. */
export interface SavableHash {
  /**
   * Hashes the blob's bytes from where it is to `end`. They are here, in one segment. Resolves with its state behind them, which
   * contains some of those bytes.
   */
  readOn(from: number, end: number): Promise<Uint8Array>;
  /** In hex; once, at the end. */
  digest(): Promise<string>;
  /** Ends it, in the middle of a call too, which then may never settle. Idempotent. */
  close(): void;
}

/** `state`: to go on from. Rejects if it is of another build of the hash. The caller closes the hash. */
export type OpenSavableHash = (
  digest: Digest,
  segments: Pick<Segments, 'read' | 'locate'>,
  state?: Uint8Array,
) => Promise<SavableHash>;

export const hashReadBytes = 1024 * 1024;

/** Loads the hash with its first use: most processes never have a blob as large. */
export async function loadHasher(algorithm: string, state: Uint8Array | undefined): Promise<IHasher> {
  const { createSHA256, createSHA512 } = await import('hash-wasm');
  const hasher = await (algorithm === 'sha512' ? createSHA512() : createSHA256());
  return state === undefined ? hasher.init() : hasher.load(state);
}
