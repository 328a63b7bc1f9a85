// A savable hash for tests on virtual time, because threads do not use virtual time.
import { digestAlgorithm } from '@cistern/oci';
import { type OpenSavableHash, hashReadBytes, loadHasher } from '../fill/savable-hash.ts';

/** Hashes in this thread, and blocks it. */
export const hashHere: OpenSavableHash = async (digest, segments, state) => {
  const hasher = await loadHasher(digestAlgorithm(digest), state);
  return {
    async readOn(from, end) {
      const buffer = Buffer.allocUnsafe(Math.min(hashReadBytes, end - from));
      for (let at = from; at < end;) {
        const length = await segments.read(at, buffer.subarray(0, end - at));
        hasher.update(buffer.subarray(0, length));
        at += length;
      }
      return hasher.save();
    },
    digest: async () => hasher.digest('hex'),
    close() {},
  };
};
