// Encrypts objects, so that only nodes of the cluster can read and write them. A person with access to the bucket alone
// can neither read the contents nor forge an object.
import type { BlobStore } from './blob-store.ts';
import { createSeal } from '@cistern/runtime';

export type ObjectStore = Pick<BlobStore, 'listObjects' | 'readObject' | 'removeObject' | 'writeObject'>;

/**
 * Returns `store` with contents that are encrypted with the cluster's secret. An encrypted content is valid only for
 * one purpose and under its own key. An object that cannot be decrypted counts as absent. Without a secret
 * (`undefined`, on a single node) contents are not encrypted. Contents must be UTF-8.
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
