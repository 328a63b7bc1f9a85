// Random values from the seed, for `Math.random` and for the functions of `node:crypto` that the product uses.
import { createRandom } from './random.ts';

let random = createRandom(1);

export function resetRandomness(seed: number): void {
  random = createRandom(seed);
}

function randomBytes(size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  for (let i = 0; i < size; i += 1) bytes[i] = random(256);
  return bytes;
}

export const randomFunctions = {
  randomBytes(size: number, callback?: (error: Error | null, bytes: Buffer) => void): Buffer | undefined {
    const bytes = randomBytes(size);
    if (callback === undefined) return bytes;
    queueMicrotask(() => callback(null, bytes));
    return undefined;
  },
  randomUUID(): string {
    const hex = randomBytes(16).toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
  },
};

export const mathRandom = (): number => random.fraction();
