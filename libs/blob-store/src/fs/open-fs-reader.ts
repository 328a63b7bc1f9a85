// Reads a blob file through its descriptor. A FileHandle takes several times the memory for each read, and slow clients get
// their bytes in small pieces.
import { close, fstat, open, read } from 'node:fs';
import { promisify } from 'node:util';
import { CacheError } from '@cistern/errors';
import type { ByteRange, Digest } from '@cistern/oci';
import type { BlobReader } from '../blob-store.ts';
import { checkRange, type Interval, readableBytes } from '../check-range.ts';
import type { FileCalls } from './store-error.ts';

const openFile = promisify<string, string, number>(open);
const statFile = promisify<number, { readonly size: number }>(fstat);
const closeFile = promisify(close);

/**
 * Opens a reader of one blob file, which the caller closes. The file stays open, so the reader still works if the blob is removed
 * or replaced. Rejects with the file system's own errors, including ENOENT, and with `range-unsatisfiable`.
 */
export async function openFsReader(
  calls: FileCalls,
  path: string,
  digest: Digest,
  range: ByteRange | undefined,
): Promise<BlobReader> {
  const file = await openFile(path, 'r');
  try {
    const { size } = await statFile(file);
    return createReader(calls, file, { digest, size, ...checkRange(digest, size, range) });
  } catch (error) {
    await closeFile(file);
    throw error;
  }
}

function createReader(
  { attempt, failure }: FileCalls,
  file: number,
  { digest, size, start, endExclusive }: Interval & { readonly digest: Digest; readonly size: number },
): BlobReader {
  let position = start;
  let reading: Promise<number> | undefined;
  let closed: Promise<void> | undefined;
  const onReadError = (error: unknown): never => {
    throw failure(error, 'read a blob');
  };

  return {
    size,
    start,
    endExclusive,
    async read(into) {
      const length = readableBytes(into, position, endExclusive);
      if (closed !== undefined) throw closedError();
      if (length === 0) return 0;
      reading = readAt(file, into, length, position).catch(onReadError);
      const bytesRead = await reading;
      reading = undefined;
      if (closed !== undefined) throw closedError();
      if (bytesRead === 0) throw cutShort(digest, size, position);
      position += bytesRead;
      return bytesRead;
    },
    close() {
      closed ??= attempt('close a blob', async () => {
        // Another file could get the descriptor while the read still uses it.
        await reading?.catch(() => {});
        await closeFile(file);
      });
      return closed;
    },
  };
}

/** Like `read` of a FileHandle. `promisify` would return the buffer as well, in a new object. */
function readAt(file: number, into: Uint8Array, length: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(file, into, 0, length, position, (error, bytesRead) => {
      if (error === null) resolve(bytesRead);
      else reject(error);
    });
  });
}

function closedError(): Error {
  return new Error('the blob reader is closed');
}

function cutShort(digest: Digest, size: number, position: number): CacheError {
  const message = `The store cannot read ${digest}: its file ends at ${position} of ${size} bytes.`;
  return new CacheError('store-unavailable', message, { detail: { digest, size, position } });
}
