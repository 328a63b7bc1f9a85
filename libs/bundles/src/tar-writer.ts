// A tar archive of which only names, sizes and bytes tell: the same content is the same archive.
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';

type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

export interface TarWriter {
  /** `size` bytes have to come. One at a time. Rejects with what the chunks, or the output, fail with. */
  add(name: string, size: number, chunks: Chunks): Promise<void>;
  /** Resolves when the output has taken and ended everything. */
  end(): Promise<void>;
  /** Destroys the output, if it has not ended. */
  abort(reason: unknown): Promise<void>;
}

const epoch = new Date(0);

/** The output is the writer's to end. */
export function createTarWriter(output: Writable, signal: AbortSignal | undefined): TarWriter {
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
    async add(name, size, chunks) {
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
    async end() {
      archive.finalize();
      await written;
      throwFailure();
    },
    async abort(reason) {
      archive.destroy(reason instanceof Error ? reason : new Error(String(reason)));
      await written;
    },
  };
}
