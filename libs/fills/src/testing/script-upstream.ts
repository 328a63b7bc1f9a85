// An upstream whose responses a test defines or chooses at random.
import { setTimeout as delay } from 'node:timers/promises';
import { CacheError } from '@cistern/errors';
import type { BlobRequestOptions, UpstreamBlobBody } from '@cistern/upstream';

/** One request for a blob, and its outcome. */
export interface ScriptedGet {
  readonly from: number | undefined;
  readonly toExclusive: number | undefined;
  readonly isExtra: boolean;
  readonly atMs: number;
  sentBytes: number;
  /** True if the reader has closed the body, or the body has ended. */
  isOver: boolean;
}

/** The course of one GET. By default it sends everything immediately. */
export interface Answer {
  readonly refuse?: Error;
  readonly afterMs?: number;
  /** The delay before each chunk. */
  readonly chunkMs?: () => number;
  /** Awaited before each chunk. */
  readonly gate?: (position: number) => Promise<void> | undefined;
  readonly breakAt?: number;
  /** The offset at which the body reports that ranges are not supported. */
  readonly refuseAt?: number;
  /** The offset of a wrong byte. */
  readonly flipAt?: number;
  /** The offset at which the body ends, without an error. */
  readonly endAt?: number;
}

export interface ScriptedUpstreamOptions {
  readonly bytes: Buffer;
  readonly chunkBytes: number;
  readonly answer: (get: ScriptedGet) => Answer;
}

export function scriptUpstream({ bytes, chunkBytes, answer }: ScriptedUpstreamOptions) {
  const gets: ScriptedGet[] = [];
  return {
    gets,
    get sentBytes(): number {
      return gets.reduce((sum, { sentBytes }) => sum + sentBytes, 0);
    },
    async get({ from, toExclusive, isExtra = false, signal }: BlobRequestOptions): Promise<UpstreamBlobBody> {
      const get: ScriptedGet = {
        from,
        toExclusive,
        isExtra,
        atMs: performance.now(),
        sentBytes: 0,
        isOver: false,
      };
      gets.push(get);
      const {
        refuse,
        afterMs = 0,
        chunkMs,
        gate,
        breakAt = Infinity,
        refuseAt = Infinity,
        flipAt = -1,
        endAt = bytes.length,
      } = answer(get);
      try {
        await delay(afterMs, undefined, { signal });
        if (refuse !== undefined) throw refuse;
      } catch (error) {
        get.isOver = true;
        throw error;
      }
      const closing = new AbortController();
      const ended = new Promise<never>((_, reject) => {
        for (const one of [closing.signal, signal])
          one?.addEventListener('abort', () => reject(one.reason as Error), { once: true });
      });
      ended.catch(() => {});
      async function* body(): AsyncGenerator<Buffer> {
        try {
          const end = Math.min(toExclusive ?? bytes.length, endAt);
          for (let at = from ?? 0; at < end;) {
            await Promise.race([delay(chunkMs?.() ?? 0), ended]);
            await Promise.race([gate?.(at), ended]);
            signal?.throwIfAborted();
            if (at >= refuseAt) throw new CacheError('unsupported', 'no ranges here');
            if (at >= breakAt) throw new Error('the connection broke');
            const chunk = Buffer.from(bytes.subarray(at, Math.min(end, at + chunkBytes)));
            if (flipAt >= at && flipAt < at + chunk.length) chunk[flipAt - at]! ^= 1;
            at += chunk.length;
            get.sentBytes += chunk.length;
            yield chunk;
          }
        } finally {
          get.isOver = true;
        }
      }
      const close = () => {
        get.isOver = true;
        closing.abort(new Error('the body was closed'));
      };
      return { start: from ?? 0, totalSize: bytes.length, host: 'upstream', body: body(), close };
    },
  };
}
