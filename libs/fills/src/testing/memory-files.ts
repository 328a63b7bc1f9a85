// Spool files in memory, for tests that check which bytes are written, read and removed.
import type { SpoolFiles } from '../spool/spool-files.ts';

export interface MemoryFiles extends SpoolFiles {
  /** Segments that have bytes now. */
  readonly held: ReadonlySet<number>;
}

/** `onWrite` is awaited before each write. */
export function createMemoryFiles(onWrite: () => Promise<void> = async () => {}): MemoryFiles {
  const files = new Map<number, Buffer[]>();
  const bytesOf = (segment: number) => {
    const chunks = files.get(segment);
    if (chunks === undefined) throw new Error('the segment does not exist any more');
    const bytes = Buffer.concat(chunks);
    files.set(segment, [bytes]);
    return bytes;
  };
  return {
    path: undefined,
    locate() {
      throw new Error('memory has no path');
    },
    get held() {
      return new Set(files.keys());
    },
    async write(segment, at, chunks) {
      // The bytes are copied, because the caller may reuse the memory of chunks after the write.
      const copies = chunks.map((chunk) => Buffer.from(chunk));
      await onWrite();
      const file = files.get(segment) ?? [];
      files.set(segment, file);
      if (file.reduce((sum, chunk) => sum + chunk.length, 0) !== at) throw new Error('written with a gap');
      file.push(...copies);
    },
    async read(segment, at, into) {
      await new Promise(setImmediate);
      const length = bytesOf(segment).copy(into, 0, at);
      if (length === 0) throw new Error('these bytes were not written');
      return length;
    },
    async drop(segment) {
      files.delete(segment);
    },
    leaveFile() {},
    async close() {
      files.clear();
    },
  };
}
