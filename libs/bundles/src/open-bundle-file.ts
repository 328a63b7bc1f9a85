// Opens a bundle file. The archive is scanned one time to find its parts, and each part is then read directly from the file.
// Nothing is unpacked, so no name in the archive becomes a path on the disk.
import { type FileHandle, open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { CacheError } from '@cistern/errors';
import { extract, type Header } from 'tar-stream';

export interface BundleFile {
  /** The names of all parts. */
  readonly names: Iterable<string>;
  /** Returns the size of a part. `undefined` means that there is no such part. */
  sizeOf(name: string): number | undefined;
  /** Reads a small part completely. Rejects with `content-mismatch` if the part does not exist, or is larger than `maxBytes`. */
  readWhole(name: string, maxBytes: number): Promise<Buffer>;
  /** Yields the bytes of a part, which must exist. Each chunk is valid only until the next one is requested. */
  read(name: string): AsyncGenerator<Uint8Array>;
  close(): Promise<void>;
}

interface Place {
  readonly offset: number;
  readonly size: number;
}

const readBytes = 1024 * 1024;
/** The largest real bundles have fewer parts. A list of this length still needs little memory. */
const maxParts = 200_000;
const gzipMagic = [0x1f, 0x8b];

/**
 * Scans the whole file. Rejects with `content-mismatch` if it is not a valid tar archive. The caller closes the returned file.
 */
export async function openBundleFile(path: string, signal: AbortSignal | undefined): Promise<BundleFile> {
  const file = await open(path, 'r');
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
    if (bytesRead === 2 && buffer.equals(Buffer.from(gzipMagic)))
      throw damaged(path, 'is compressed: unpack it first, with gunzip');
    return createBundleFile(path, file, await findParts(path, file, signal));
  } catch (error) {
    await file.close();
    throw error;
  }
}

function createBundleFile(path: string, file: FileHandle, parts: ReadonlyMap<string, Place>): BundleFile {
  async function* read(name: string): AsyncGenerator<Uint8Array> {
    const { offset, size } = parts.get(name) ?? { offset: 0, size: 0 };
    const buffer = Buffer.allocUnsafe(Math.min(readBytes, size));
    for (let done = 0; done < size;) {
      const length = Math.min(buffer.length, size - done);
      const { bytesRead } = await file.read(buffer, 0, length, offset + done);
      if (bytesRead === 0) throw damaged(path, 'became shorter while it was read');
      yield buffer.subarray(0, bytesRead);
      done += bytesRead;
    }
  }

  return {
    names: parts.keys(),
    sizeOf: (name) => parts.get(name)?.size,
    async readWhole(name, maxBytes) {
      const size = parts.get(name)?.size;
      if (size === undefined) throw damaged(path, `has no ${name}`);
      if (size > maxBytes) throw damaged(path, `has a ${name} of ${size} bytes; the limit is ${maxBytes}`);
      const chunks: Buffer[] = [];
      for await (const chunk of read(name)) chunks.push(Buffer.from(chunk));
      return Buffer.concat(chunks);
    },
    read,
    close: () => file.close(),
  };
}

async function findParts(
  path: string,
  file: FileHandle,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, Place>> {
  const archive = extract();
  const parts = new Map<string, Place>();
  // If the file cannot be read to its end, the archive is destroyed with that error.
  const reading = pipeline(file.createReadStream({ start: 0, autoClose: false, highWaterMark: readBytes }), archive, {
    signal,
  }).catch((error: unknown) => {
    archive.destroy(error as Error);
  });
  try {
    for await (const entry of archive) {
      addPart(path, parts, entry.header);
      entry.resume();
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof CacheError) throw error;
    throw damaged(path, `is not a tar archive, or a damaged one: ${(error as Error).message}`, error);
  } finally {
    archive.destroy();
    await reading;
  }
  return parts;
}

function addPart(path: string, parts: Map<string, Place>, header: Header): void {
  const name = header.name.replace(/^(?:\.\/)+/, '');
  if (header.type === 'directory') return;
  if (name.startsWith('/') || name.split('/').includes('..'))
    throw damaged(path, `contains ${JSON.stringify(name)}, a path outside the archive`);
  if (header.type !== 'file' && header.type !== 'contiguous-file')
    throw damaged(path, `contains ${JSON.stringify(name)}, which is not a file but a ${header.type}`);
  if (parts.has(name)) throw damaged(path, `contains ${JSON.stringify(name)} twice`);
  if (parts.size === maxParts) throw damaged(path, `contains more than ${maxParts} files`);
  // tar-stream has `byteOffset` since version 3.2, but its types do not contain it.
  const { byteOffset: offset } = header as Header & { readonly byteOffset: number };
  parts.set(name, { offset, size: header.size });
}

/** Creates the error for an unusable archive. The message consists of `path` and `fault`. */
export function damaged(path: string, fault: string, cause?: unknown): CacheError {
  return new CacheError('content-mismatch', `${path} ${fault}.`, { cause });
}
