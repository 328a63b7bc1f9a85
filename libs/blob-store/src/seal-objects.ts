// Seals objects so that only nodes of the cluster can read and write them. Access to the bucket alone neither reveals
// their content nor allows forgeries.
import type { BlobStore } from './blob-store.ts';
import { createSeal } from '@cistern/runtime';

export type ObjectStore = Pick<BlobStore, 'listObjects' | 'readObject' | 'removeObject' | 'writeObject'>;

/**
 * Returns `store` with contents sealed with the cluster's secret, bound to one purpose and to their keys. An object
 * that cannot be opened counts as absent. Without a secret (`undefined`, one node) contents are stored as they are.
 * Contents are UTF-8.
 */
export function sealObjects(store: ObjectStore, secret: string | undefined, purpose: string): ObjectStore {
  if (secret === undefined) return store;
  const seal = createSeal(secret, purpose);
  return {
    listObjects: (prefix) => store.listObjects(prefix),
    removeObject: (key) => store.removeObject(key),
    async readObject(key) {
      const bytes = await store.readObject(key);
      const text = bytes === undefined ? undefined : seal.open(key, Buffer.from(bytes).toString('utf8'));
      return text === undefined ? undefined : Buffer.from(text);
    },
    writeObject: (key, bytes) =>
      store.writeObject(key, Buffer.from(seal.close(key, Buffer.from(bytes).toString('utf8')))),
  };
}
