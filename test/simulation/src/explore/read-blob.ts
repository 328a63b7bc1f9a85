// Simulates a client of a frontend. It reads a blob or ranges of it at its own pace, compares each byte with the right
// one, and can disconnect before the end.
import type { ByteRange, Digest } from '@cistern/oci';
import type { RepositoryKey } from '@cistern/index';
import type { PullThrough } from '@cistern/pull-through';
import type { TestPullThrough } from '@cistern/pull-through/testing';
import type { Random } from '../world/random.ts';

export interface BlobReading {
  readonly key: RepositoryKey;
  readonly digest: Digest;
  readonly bytes: Buffer;
  /** An empty list means that the client requests only the size. Several entries are ranges. */
  readonly reads: readonly (ByteRange | 'whole')[];
  readonly leavesAfterMs?: number | undefined;
  /** The client closes a body after this many chunks. */
  readonly leavesAfterChunks?: number | undefined;
  /** After `afterChunks` chunks the client reads nothing for `ms`. */
  readonly stop?: { readonly afterChunks: number; readonly ms: number } | undefined;
  readonly segmentBytes: number;
  /** Chance that the client pauses after a chunk. */
  readonly slowness: number;
  readonly random: Random;
}

export type BlobOutcome =
  | { readonly result: 'right' | 'short' | 'left' }
  /** Only possible if the client requested nothing but the size. */
  | { readonly result: 'wrong size' }
  /** `isWhole` means that the body reached the end of the blob, so the product had to verify it. */
  | { readonly result: 'wrong'; readonly isWhole: boolean }
  | { readonly result: 'error'; readonly error: unknown };

const longestPauseMs = 3_000;
const verifiedRangeBytes = 4 * 1024 * 1024;

/** Reads the blob as one client. Calls the cache directly, as the code of the frontend does. */
export async function readBlob(cache: TestPullThrough, reading: BlobReading): Promise<BlobOutcome> {
  const { key, digest, reads, leavesAfterMs } = reading;
  const leaving = new AbortController();
  const timer =
    leavesAfterMs === undefined
      ? undefined
      : setTimeout(() => leaving.abort(new Error('the client left')), leavesAfterMs);
  try {
    const intent = reads.length === 0 ? 'stat' : reads[0] === 'whole' ? 'whole' : 'ranges';
    const blob = await cache.openBlob({ ...key, digest, intent, signal: leaving.signal });
    if (intent === 'stat') return { result: blob.size === reading.bytes.length ? 'right' : 'wrong size' };
    let outcome: BlobOutcome = { result: 'right' };
    for (const range of reads)
      if (outcome.result === 'right')
        outcome = await readAll(blob, reading, range === 'whole' ? undefined : range, leaving.signal);
    return outcome;
  } catch (error) {
    return leaving.signal.aborted ? { result: 'left' } : { result: 'error', error };
  } finally {
    clearTimeout(timer);
  }
}

async function readAll(
  blob: Awaited<ReturnType<PullThrough['openBlob']>>,
  { bytes, leavesAfterChunks = Infinity, stop, segmentBytes, slowness, random }: BlobReading,
  range: ByteRange | undefined,
  leaving: AbortSignal,
): Promise<BlobOutcome> {
  const from = range?.start ?? 0;
  const to = range === undefined ? bytes.length : range.end + 1;
  // True if the blob was truncated in the store, or if the upstream reports a wrong size. In both cases the body must
  // not end cleanly.
  const isWrongSize = blob.size !== bytes.length;
  const stream = await blob.read(isWrongSize ? undefined : range);
  // A reader that begins within a segment cannot verify the rest of that segment.
  const provenFrom = from % segmentBytes === 0 ? from : Math.min(to, from + segmentBytes - (from % segmentBytes));
  const isVerified = !isWrongSize && to === bytes.length && (from === 0 || to - from > verifiedRangeBytes);
  let at = from;
  let isWrong = false;
  let isProvenWrong = false;
  try {
    for (let chunks = 0; ; chunks += 1) {
      leaving.throwIfAborted();
      if (chunks >= leavesAfterChunks) return { result: 'left' };
      const chunk = await stream.next();
      if (chunk === undefined) break;
      // A frontend's socket sends a chunk some time after it got it, and the bytes must not have changed by then. So
      // the client compares them only after a pause.
      if (random.chance(slowness)) await new Promise((resolve) => setTimeout(resolve, random(longestPauseMs)));
      if (chunks === stop?.afterChunks) await new Promise((resolve) => setTimeout(resolve, stop.ms));
      if (!bytes.subarray(at, at + chunk.length).equals(chunk)) isWrong = true;
      const proven = Math.max(at, provenFrom);
      if (proven < at + chunk.length && !bytes.subarray(proven, at + chunk.length).equals(chunk.subarray(proven - at)))
        isProvenWrong = true;
      at += chunk.length;
      // The product must detect the wrong bytes before it sends the last byte, so the body is wrong even if it has no
      // clean end.
      if (isVerified && isProvenWrong && at >= to) return { result: 'wrong', isWhole: true };
    }
  } finally {
    stream.close();
  }
  if (isWrongSize || at !== to) return { result: 'short' };
  if (!isWrong) return { result: 'right' };
  return { result: 'wrong', isWhole: false };
}
