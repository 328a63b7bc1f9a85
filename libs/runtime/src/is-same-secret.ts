import { createHash, timingSafeEqual } from 'node:crypto';

/** In constant time, whatever is given. */
export function isSameSecret(given: string | undefined, expected: string): boolean {
  return timingSafeEqual(sha256(given ?? ''), sha256(expected));
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
