// The GETs of one fill, with a hash and a store that take some time.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { bytesOf } from '@cistern/oci/testing';
import { createSegmentFetch } from '../fetch/fetch-segments.ts';
import { type Segment, createSegments } from '../spool/segments.ts';
import { createSpoolRoom } from '../room/spool-room.ts';
import { createMemoryFiles } from './memory-files.ts';
import { type Answer, type ScriptedGet, scriptUpstream } from './script-upstream.ts';

export const mebibyte = 1024 * 1024;
const segmentBytes = 2 * mebibyte;
/** The blob. A test may fetch only its beginning. */
export const bytes = bytesOf(41 * mebibyte + 5);

export interface FetchOptions {
  readonly size?: number;
  readonly perFillBytes?: number;
  readonly rangeBytes?: number;
  readonly isSizeUnknown?: boolean;
  readonly answer?: (get: ScriptedGet) => Answer;
  /** The duration of hashing and storing a segment. */
  readonly storeMs?: () => number;
  /** The duration of a write to the spool. */
  readonly appendMs?: number;
}

/** Hashes segments in order, stores them after `storeMs`, and frees them when their space is needed, as a fill does. */
export async function startFetch(options: FetchOptions = {}) {
  const {
    size = bytes.length,
    perFillBytes = 64 * mebibyte,
    rangeBytes = 8 * mebibyte,
    isSizeUnknown = false,
  } = options;
  const { answer = () => ({}), storeMs = () => 0, appendMs = 0 } = options;
  const files = createMemoryFiles();
  const given = isSizeUnknown ? perFillBytes : size;
  const segments = createSegments({ size: given, segmentBytes, files, hasSha256: false });
  const upstream = scriptUpstream({ bytes: bytes.subarray(0, size), chunkBytes: mebibyte / 2, answer });
  const stopping = new AbortController();
  const spool = createSpoolRoom({ maxBytes: perFillBytes, perFillBytes, onUsed() {} });
  const freeOne = () => {
    for (const segment of segments)
      if (segment.isStored && segment.isHashed && segment.release !== undefined) {
        void segments.free(segment);
        return true;
      }
    return false;
  };
  const room = await spool.enter({ floorBytes: Math.min(given, 2 * segmentBytes), freeOne, signal: stopping.signal });
  let hashed = 0;
  let changed = Promise.withResolvers<void>();
  const wake = () => {
    changed.resolve();
    changed = Promise.withResolvers();
  };
  const store = async (segment: Segment) => {
    await delay(storeMs());
    segment.isStored = true;
    room.progressed();
  };
  const fetch = createSegmentFetch({
    segments,
    room,
    get: upstream.get,
    rangeBytes,
    isSizeUnknown,
    onChange: wake,
    signal: stopping.signal,
    async append(offset, chunks) {
      const whole = Buffer.concat(chunks);
      assert.ok(whole.equals(bytes.subarray(offset, offset + whole.length)), `other bytes at ${offset}`);
      if (appendMs > 0) await delay(appendMs);
      await segments.append(offset, chunks).catch((error: unknown) => {
        stopping.abort(error);
        throw error;
      });
      const segment = segments.holding(offset);
      if (segment.isComplete && !isSizeUnknown) void store(segment);
      while (hashed < segments.count && segments.at(hashed).isComplete) {
        segments.at(hashed).isHashed = true;
        hashed += 1;
      }
      room.progressed();
      wake();
    },
  });
  return {
    fetch,
    segments,
    stopping,
    spool,
    room,
    gets: upstream.gets,
    get: upstream.get,
    sentBytes: () => upstream.sentBytes,
    requests: () =>
      upstream.gets.map(({ from, toExclusive }) => [
        from && from / mebibyte,
        toExclusive && Math.ceil(toExclusive / mebibyte),
      ]),
    /** Reads from `offset` to the end, by side reads where `want` returns false. Resolves when it has all bytes. */
    async read(offset: number, besideBytes = segmentBytes) {
      for (let at = offset; at < segments.size;) {
        const end = segments.presentEnd(at);
        if (end > at) at = end;
        else if (segments.holding(at).isFreed || !fetch.want(at)) {
          await delay(5);
          at = Math.min(segments.size, at + besideBytes);
        } else await changed.promise;
      }
    },
    assertWhole() {
      assert.equal(segments.fetchedBytes, size, 'each byte is appended once');
      assert.ok([...segments].every(({ isComplete }) => isComplete));
      assert.equal(fetch.connections, 0);
      assert.ok(
        upstream.gets.every(({ isOver }) => isOver),
        'a body was left open',
      );
    },
  };
}
