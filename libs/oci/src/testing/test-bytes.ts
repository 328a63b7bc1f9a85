// Bytes for tests to serve, and a function that reads them.
import { createCipheriv, createHash } from 'node:crypto';

/** Returns bytes that cannot be compressed, and that depend only on `length` and `seed`. */
export function bytesOf(length: number, seed = 1): Buffer {
  const key = createHash('md5').update(String(seed)).digest();
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length));
}

interface Bytes {
  next(): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  close(): void;
}

/** Reads a stream to its end. */
export async function collect(stream: Bytes): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    for (;;) {
      const chunk = await stream.next();
      if (chunk === undefined) return Buffer.concat(chunks);
      chunks.push(Buffer.from(chunk));
    }
  } finally {
    stream.close();
  }
}
