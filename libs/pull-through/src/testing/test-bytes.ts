// Bytes to serve, and ways to read and to wait.

/** Deterministic, incompressible bytes. */
export function bytesOf(length: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = seed * 2_654_435_761;
  for (let i = 0; i < length; i += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[i] = state >>> 16;
  }
  return bytes;
}

/** Reads a stream to its end. */
export async function collect(stream: { next(): Promise<Uint8Array | undefined>; close(): void }): Promise<Buffer> {
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

/** Waits until `condition` holds; fails after twenty seconds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('the condition did not come true in a minute');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
