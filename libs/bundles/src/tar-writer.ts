// A tar archive of which only names, sizes and bytes tell: the same content is the same archive.
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';

type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

export type TarWriter = ReturnType<typeof createTarWriter>;

const epoch = new Date(0);

/** The output is the writer's to end. */
export function createTarWriter(output: Writable, signal: AbortSignal | undefined) {
  const archive = pack();
  // Whatever goes wrong at one end goes wrong at the other too, where less is known of it.
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
    /** `size` bytes have to come. One at a time. Rejects with the error of the chunks, or of the output. */
    async add(name: string, size: number, chunks: Chunks): Promise<void> {
      try {
        // Throws when the output has failed a moment ago.
        const entry = archive.entry({ name, size, mode: 0o644, mtime: epoch, uid: 0, gid: 0, type: 'file' });
        await pipeline(watched(chunks), entry, { signal });
      } catch (error) {
        archive.destroy();
        await written;
        throwFailure();
        throw error;
      }
    },
    /** Resolves when the output has taken and ended everything. */
    async end(): Promise<void> {
      archive.finalize();
      await written;
      throwFailure();
    },
    /** Destroys the output, if it has not ended. */
    async abort(reason: unknown): Promise<void> {
      archive.destroy(reason instanceof Error ? reason : new Error(String(reason)));
      await written;
    },
  };
}
