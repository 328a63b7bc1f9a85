// Writes a tar archive. The archive depends only on the names, sizes and bytes of its entries, so the same content gives the same
// archive.
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';

type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

export type TarWriter = ReturnType<typeof createTarWriter>;

const epoch = new Date(0);

/** The writer ends `output`, or destroys it. */
export function createTarWriter(output: Writable, signal: AbortSignal | undefined) {
  const archive = pack();
  // The first error. An error of the chunks also causes an error of the output, and the reverse, but the second one has less
  // detail.
  let failure: { readonly error: unknown } | undefined;
  const failed = (error: unknown): void => {
    failure ??= { error };
  };
  const written = pipeline(Readable.from(archive), output, { signal }).catch(failed);

  async function* watched(chunks: Chunks): AsyncGenerator<Uint8Array> {
    try {
      yield* chunks;
    } catch (error) {
      failed(error);
      throw error;
    }
  }

  function throwFailure(): void {
    signal?.throwIfAborted();
    if (failure !== undefined) throw failure.error;
  }

  return {
    /**
     * Adds an entry. The chunks must have `size` bytes in total. Only one call may run at a time. Rejects with the error of the
     * chunks or of the output.
     */
    async add(name: string, size: number, chunks: Chunks): Promise<void> {
      try {
        // Throws if the output has already failed.
        const entry = archive.entry({ name, size, mode: 0o644, mtime: epoch, uid: 0, gid: 0, type: 'file' });
        await pipeline(watched(chunks), entry, { signal });
      } catch (error) {
        archive.destroy();
        await written;
        throwFailure();
        throw error;
      }
    },
    /** Resolves when the output has written the whole archive and has ended. */
    async end(): Promise<void> {
      archive.finalize();
      await written;
      throwFailure();
    },
    /** Destroys the output, unless it has ended. */
    async abort(reason: unknown): Promise<void> {
      archive.destroy(reason instanceof Error ? reason : new Error(String(reason)));
      await written;
    },
  };
}
