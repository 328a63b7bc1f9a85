import type { Seal } from '@cistern/runtime';

/** Like the real seal, the test seal opens only values that it has sealed itself, and only with the same name. */
export function createTestSeal(): Seal {
  const sealed = new Map<string, string>();
  return {
    close(name, text) {
      const key = `sealed-${sealed.size}`;
      sealed.set(`${name} ${key}`, text);
      return key;
    },
    open: (name, key) => sealed.get(`${name} ${key}`),
  };
}
