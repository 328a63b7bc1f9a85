// An upstream whose settings can change while calls are in flight. New calls use the new settings. A call ends with the
// settings that it began with, and connections close when their last call has ended.
import type { Upstream, UpstreamBlobBody } from '../upstream.ts';

/** Opens an upstream. `isCurrent` returns false when the upstream has been replaced or retired. */
export type OpenGeneration = (isCurrent: () => boolean) => Upstream;

export interface ReplaceableUpstream extends Upstream {
  /** Makes new calls use the upstream that `open` opens. Reverts `retire`. */
  replace(open: OpenGeneration): void;
  /**
   * Closes the connections when no call is in flight. Later calls still work, because a running job may need several
   * calls. They open the upstream again for as long as they run.
   */
  retire(): void;
  /** Returns true if the upstream is retired and has no calls in flight. */
  isClosed(): boolean;
}

interface Generation {
  readonly upstream: Upstream;
  calls: number;
}

/** `close` aborts all calls in flight. */
export function openReplaceableUpstream(first: OpenGeneration): ReplaceableUpstream {
  let open = first;
  let isRetired = false;
  /** The generations that are not closed. */
  const live = new Set<Generation>();
  let current: Generation | undefined = start();
  const { name } = current.upstream;

  function start(): Generation {
    const opened = open;
    const generation = { upstream: opened(() => opened === open && !isRetired), calls: 0 };
    live.add(generation);
    return generation;
  }

  function begin(): Generation {
    current ??= start();
    current.calls += 1;
    return current;
  }

  function end(generation: Generation): void {
    generation.calls -= 1;
    closeIfUnused(generation);
  }

  function closeIfUnused(generation: Generation): void {
    if (generation.calls > 0 || (generation === current && !isRetired)) return;
    if (generation === current) current = undefined;
    live.delete(generation);
    void generation.upstream.close();
  }

  async function call<T>(use: (upstream: Upstream) => Promise<T>): Promise<T> {
    const generation = begin();
    try {
      return await use(generation.upstream);
    } finally {
      end(generation);
    }
  }

  async function getBlob(...given: Parameters<Upstream['getBlob']>): Promise<UpstreamBlobBody> {
    const generation = begin();
    try {
      const [, , { signal } = {}] = given;
      return endOnce(await generation.upstream.getBlob(...given), signal, () => end(generation));
    } catch (error) {
      end(generation);
      throw error;
    }
  }

  return {
    name,
    get connectionsPerBlob() {
      return current?.upstream.connectionsPerBlob ?? 1;
    },
    headManifest: (...given) => call((one) => one.headManifest(...given)),
    getManifest: (...given) => call((one) => one.getManifest(...given)),
    headBlob: (...given) => call((one) => one.headBlob(...given)),
    getBlob,
    listTags: (...given) => call((one) => one.listTags(...given)),
    listReferrers: (...given) => call((one) => one.listReferrers(...given)),
    checkAccess: (...given) => call((one) => one.checkAccess(...given)),
    replace(next) {
      const replaced = current;
      open = next;
      isRetired = false;
      current = start();
      if (replaced !== undefined) closeIfUnused(replaced);
    },
    retire() {
      isRetired = true;
      if (current !== undefined) closeIfUnused(current);
    },
    isClosed: () => live.size === 0,
    async close() {
      await Promise.all([...live].map(({ upstream }) => upstream.close()));
    },
  };
}

/** Calls `onEnd` once, when the body has been read to its end, has failed, or was closed, or when `signal` aborts. */
function endOnce(blob: UpstreamBlobBody, signal: AbortSignal | undefined, onEnd: () => void): UpstreamBlobBody {
  let hasEnded = false;
  const end = () => {
    if (hasEnded) return;
    hasEnded = true;
    signal?.removeEventListener('abort', end);
    onEnd();
  };
  signal?.addEventListener('abort', end);
  if (signal?.aborted === true) end();
  const fail = (error: unknown): never => {
    end();
    throw error;
  };
  // An iterator instead of a generator, because a generator would add several promises to each chunk.
  function read(): AsyncIterator<Buffer, undefined> {
    const chunks = blob.body[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
    return {
      next: () =>
        chunks.next().then((result) => {
          if (result.done === true) end();
          return result;
        }, fail),
      async return() {
        end();
        await chunks.return?.();
        return { done: true, value: undefined };
      },
    };
  }
  return {
    ...blob,
    body: { [Symbol.asyncIterator]: read },
    close() {
      blob.close();
      end();
    },
  };
}
