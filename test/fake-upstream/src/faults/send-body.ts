// Sends the bytes of a response: immediately, slowly, as a gate allows them, or only in part.
import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Fault } from './fault.ts';

export interface Sending {
  readonly response: ServerResponse;
  readonly chunks: Iterable<Buffer>;
  readonly fault: Fault;
  /** Aborted when the connection ends. */
  readonly signal: AbortSignal;
  /** Called with the number of bytes that the kernel has taken. */
  readonly sent: (bytes: number) => void;
}

const slicesPerSecond = 20;
const throttledBytes = 64 * 1024;

/**
 * Resolves when the whole body is sent, or has been cut short by the fault. Rejects if the client disconnects first.
 */
export async function sendBody({ response, chunks, fault, signal, sent }: Sending): Promise<'complete' | 'cut'> {
  const { stallAfterBytes, endAfterBytes, resetAfterBytes, bytesPerSecond, throttle, gate } = fault;
  const limit = Math.min(...[stallAfterBytes, endAfterBytes, resetAfterBytes].map((bytes) => bytes ?? Infinity));
  const mostBytes = throttle === undefined ? Infinity : throttledBytes;
  const slice = Math.min(mostBytes, Math.max(1, Math.floor((bytesPerSecond ?? Infinity) / slicesPerSecond)));
  const pace = throttle?.begin();
  let total = 0;

  async function send(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length && total < limit;) {
      const wanted = Math.min(chunk.length - at, limit - total, slice);
      // real-time: a fault that slows the body on purpose
      if (bytesPerSecond !== undefined) await delay((wanted / bytesPerSecond) * 1000, undefined, { signal });
      await pace?.(wanted, signal);
      const bytes = gate === undefined ? wanted : await gate.take(wanted, signal);
      await write(response, chunk.subarray(at, at + bytes), signal);
      at += bytes;
      total += bytes;
      sent(bytes);
    }
  }

  if (limit > 0)
    for (const chunk of chunks) {
      await send(chunk);
      if (total >= limit) break;
    }
  if (total < limit) return 'complete';
  if (limit === resetAfterBytes) response.socket?.resetAndDestroy();
  else if (limit === endAfterBytes) response.socket?.end();
  else await aborted(signal);
  return 'cut';
}

function write(response: ServerResponse, chunk: Buffer, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    // A destroyed connection does not always call back.
    const abort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    response.write(chunk, (error) => {
      signal.removeEventListener('abort', abort);
      if (error) reject(error);
      else resolve();
    });
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
