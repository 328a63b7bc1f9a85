import { createHmac } from 'node:crypto';
import type { Seal } from '@cistern/runtime';

/** Creates a seal that authenticates a text for one name and secret. Unlike the real seal, it does not encrypt. */
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
