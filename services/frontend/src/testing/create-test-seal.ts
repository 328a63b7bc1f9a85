import type { Seal } from '@cistern/runtime';

/** As the real one, it opens what it has closed, under the same name, and nothing else. */
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
