// Contents of blobs, created once for each size.
import { rememberBytes } from '../cluster/right-bytes.ts';
import { createRandom } from '../world/random.ts';

const made = new Map<number, Buffer>();

export function sampleBytes(size: number): Buffer {
  const known = made.get(size);
  if (known !== undefined) return known;
  const bytes = Buffer.alloc(size);
  const random = createRandom(size);
  for (let at = 0; at + 4 <= size; at += 4) bytes.writeUInt32LE(random(2 ** 32), at);
  made.set(size, bytes);
  rememberBytes(bytes);
  return bytes;
}
