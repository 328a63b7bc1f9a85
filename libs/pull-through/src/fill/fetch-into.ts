// Copies one upstream body into a fill. Chunks that arrive while a write is under way go out together in the next one.
import type { UpstreamBlobBody } from '@cistern/upstream';

/** A stretch being fetched: `position` moves, `endExclusive` may shrink while it runs. */
export interface Stretch {
  position: number;
  endExclusive: number;
}

export interface FetchIntoOptions {
  readonly opened: UpstreamBlobBody;
  readonly stretch: Stretch;
  readonly write: (offset: number, chunks: readonly Buffer[]) => Promise<void>;
}

/** Enough for the disk to be busy while the next chunks arrive; more would only be memory. */
export const maxPendingBytes = 1024 * 1024;

/**
 * Resolves when the stretch's end is reached; the rest of the body is dropped where there is more (a body read to its
 * own end leaves its connection reusable). The caller checks `stretch.position`: the body may have ended before. Rejects
 * with what the body or the write threw.
 */
export async function fetchInto({ opened, stretch, write }: FetchIntoOptions): Promise<void> {
  const wholeEnd = stretch.endExclusive;
  let received = stretch.position;
  let pending: Buffer[] = [];
  let flushing: Promise<void> | undefined;
  let failure: { error: unknown } | undefined;

  const flush = async () => {
    try {
      while (pending.length > 0) {
        const chunks = pending;
        pending = [];
        await write(stretch.position, chunks);
        for (const chunk of chunks) stretch.position += chunk.length;
      }
    } catch (error) {
      failure = { error };
    } finally {
      flushing = undefined;
    }
  };

  try {
    for await (const chunk of opened.body) {
      const wanted = Math.min(chunk.length, stretch.endExclusive - received);
      if (wanted > 0) {
        pending.push(wanted === chunk.length ? chunk : chunk.subarray(0, wanted));
        received += wanted;
        flushing ??= flush();
      }
      if (received - stretch.position > maxPendingBytes) await flushing;
      if (failure !== undefined) throw failure.error;
      const cutShort = wanted < chunk.length || stretch.endExclusive < wholeEnd;
      if (cutShort && received >= stretch.endExclusive) break;
    }
    await flushing;
    if (failure !== undefined) throw failure.error;
  } finally {
    opened.close();
    await flushing;
  }
}
