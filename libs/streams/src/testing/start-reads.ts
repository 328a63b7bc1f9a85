import assert from 'node:assert/strict';
import { createBufferPool } from '../buffer-pool.ts';
import type { ByteSource } from '../byte-source.ts';
import { createSharedReads } from '../shared-reads.ts';

interface Hooks {
  readonly failAt?: number;
  /** Awaited before a stream is opened, and before each read of the stream. */
  readonly onOpen?: (signal: AbortSignal) => Promise<void>;
  readonly onRead?: (at: number) => Promise<void>;
}

/** Shared reads of `bytes` from a source in memory. A reader may stop for 20 ms while others wait. */
export function startReads(bytes: Buffer, options: Hooks = {}) {
  const pool = createBufferPool(64 * 1024 * 1024);
  const opened: { from: number; toExclusive: number; read: number; closed: boolean }[] = [];
  let castOut = 0;
  const source: ByteSource = {
    size: bytes.length,
    async open(from, toExclusive, signal) {
      await options.onOpen?.(signal);
      const stream = { from, toExclusive, read: 0, closed: false };
      opened.push(stream);
      return {
        async read(into) {
          await new Promise(setImmediate);
          const at = from + stream.read;
          await options.onRead?.(at);
          if (stream.closed) throw new Error('the stream was closed');
          if (options.failAt !== undefined && at >= options.failAt) throw new Error('the disk has failed');
          const length = Math.min(into.length, toExclusive - at);
          bytes.copy(into, 0, at, at + length);
          stream.read += length;
          return length;
        },
        async close() {
          stream.closed = true;
        },
      };
    },
  };
  const reads = createSharedReads({ pool, onCastOut: () => (castOut += 1), patienceMs: 20 });
  const attach = (from = 0, toExclusive = bytes.length) => reads.attach('key', source, from, toExclusive);
  return { pool, opened, reads, attach, castOut: () => castOut };
}

/** Asserts that nothing is left of closed readers: no window, no buffer and no stream. */
export function assertNothingLeft({ pool, reads, opened }: ReturnType<typeof startReads>) {
  assert.equal(reads.windows, 0);
  assert.equal(pool.usedBytes, 0);
  assert.ok(opened.every((stream) => stream.closed));
}
