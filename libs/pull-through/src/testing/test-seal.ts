import { createHmac } from 'node:crypto';
import type { Seal } from '@cistern/runtime';

/** Holds what its text says, under one name and one secret; readable, unlike the real one. */
export function createTestSeal(secret: string): Seal {
  const tag = (name: string, text: string) =>
    createHmac('sha256', secret)
      .update(JSON.stringify([name, text]))
      .digest('hex');
  return {
    close: (name, text) => `${tag(name, text)}${text}`,
    open: (name, sealed) => (tag(name, sealed.slice(64)) === sealed.slice(0, 64) ? sealed.slice(64) : undefined),
  };
}
