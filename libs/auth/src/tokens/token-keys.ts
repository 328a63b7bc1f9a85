// The port to the keys by which access tokens are signed: the same for all processes that give tokens out and take them.
import { randomBytes, randomUUID } from 'node:crypto';

export interface TokenKey {
  readonly id: string;
  /** 32 random bytes, for HMAC with SHA-256. */
  readonly secret: Uint8Array;
}

/** Both reject with a CacheError when they cannot find out. */
export interface TokenKeys {
  /** The one to sign with now. */
  current(): Promise<TokenKey>;
  /** `undefined`: there is none, or it is too old by now. */
  find(id: string): Promise<TokenKey | undefined>;
}

export function createTokenKey(): TokenKey {
  return { id: randomUUID(), secret: randomBytes(32) };
}

/** Of a single process. Tokens do not outlive it: clients ask for new ones. */
export function createMemoryTokenKeys(): TokenKeys {
  const key = createTokenKey();
  return { current: async () => key, find: async (id) => (id === key.id ? key : undefined) };
}
