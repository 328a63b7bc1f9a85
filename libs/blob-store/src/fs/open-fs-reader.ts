// Reads one blob file. It holds the file open, so the blob may be removed or replaced meanwhile. A FileHandle, because
// its close waits for a pending read; plain `fs.read` on a descriptor was measured and is no faster in Node 26.
import { open, type FileHandle } from 'node:fs/promises';
import { CacheError } from '@cistern/errors';
import type { ByteRange, Digest } from '@cistern/oci';
import type { BlobReader } from '../blob-store.ts';
import { checkRange } from '../check-range.ts';
import { attempt } from './store-error.ts';

/** Rejects with the filesystem's own errors, ENOENT among them, and with `range-unsatisfiable`. */
export async function openFsReader(path: string, digest: Digest, range: ByteRange | undefined): Promise<BlobReader> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const { start, endExclusive } = checkRange(digest, size, range);
    return createReader(file, { digest, size, start, endExclusive });
  } catch (error) {
    await file.close();
    throw error;
  }
}

interface Extent {
  readonly digest: Digest;
  readonly size: number;
  readonly start: number;
  readonly endExclusive: number;
}

function createReader(file: FileHandle, { digest, size, start, endExclusive }: Extent): BlobReader {
  let position = start;
  let closed: Promise<void> | undefined;

  return {
    size,
    start,
    endExclusive,
    async read(into) {
      if (into.byteLength === 0) throw new RangeError('the buffer to read into is empty');
      checkOpen();
      const length = Math.min(into.byteLength, endExclusive - position);
      if (length === 0) return 0;
      const { bytesRead } = await attempt('read a blob', async () => file.read(into, 0, length, position));
      checkOpen();
      if (bytesRead === 0) throw cutShort();
      position += bytesRead;
      return bytesRead;
    },
    close() {
      closed ??= attempt('close a blob', async () => file.close());
      return closed;
    },
  };

  function checkOpen(): void {
    if (closed !== undefined) throw new Error('the blob reader is closed');
  }

  function cutShort(): CacheError {
    const message = `The store cannot read ${digest}: its file ends at ${position} of ${size} bytes.`;
    return new CacheError('store-unavailable', message, { detail: { digest, size, position } });
  }
}
