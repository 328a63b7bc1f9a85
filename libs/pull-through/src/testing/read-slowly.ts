// Reads a stream slowly, for tests.
import { setTimeout as delay } from 'node:timers/promises';
import type { BlobStream } from '../requests/pull-through.ts';

/** Reads the stream to its end at `bytesPerSecond` of virtual time, then closes it. */
export async function readSlowly(stream: Pick<BlobStream, 'next' | 'close'>, bytesPerSecond: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    for (let chunk = await stream.next(); chunk !== undefined; chunk = await stream.next()) {
      chunks.push(Buffer.from(chunk));
      await delay((chunk.length / bytesPerSecond) * 1000);
    }
    return Buffer.concat(chunks);
  } finally {
    stream.close();
  }
}
