// Manages the keys that sign access tokens. A single process keeps its key in memory; several frontends share keys in
// the store.
import { randomBytes, randomUUID } from 'node:crypto';
import { parseTokenKeyKey, tokenKeyKey, tokenKeysPrefix, type ObjectStore } from '@cistern/blob-store';

interface TokenKey {
  readonly id: string;
  /** 32 random bytes, for HMAC with SHA-256. */
  readonly secret: Uint8Array;
}

/** Both functions reject with a CacheError if the keys cannot be read now. */
export interface TokenKeys {
  /** Returns the key to sign with now. */
  current(): Promise<TokenKey>;
  /** Returns `undefined` if there is no such key, or if the key is too old. */
  find(id: string): Promise<TokenKey | undefined>;
}

function createTokenKey(): TokenKey {
  return { id: randomUUID(), secret: randomBytes(32) };
}

/** Creates a key for a single process. Tokens become invalid at its restart, and clients request new ones. */
export function createMemoryTokenKeys(): TokenKeys {
  const key = createTokenKey();
  return { current: async () => key, find: async (id) => (id === key.id ? key : undefined) };
}

interface StoreTokenKeysOptions {
  /** Must encrypt its objects, because a key is a secret. */
  readonly store: ObjectStore;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

interface KnownKey extends TokenKey {
  readonly createdAtMs: number;
}

/** Keys that are older than this no longer sign tokens. */
const signsForMs = 24 * 3_600_000;
/** Keys that are older than this are removed. All tokens that they signed have long expired. */
const livesForMs = 2 * signsForMs;
/** Shortest time between reads for unknown keys, because clients can make up any number of tokens with unknown keys. */
const minRereadMs = 1000;

/**
 * Creates keys that all frontends share. A frontend that needs a new key creates it. Two frontends may create keys at
 * the same time; both keys are valid.
 */
export function createStoreTokenKeys({ store, now }: StoreTokenKeysOptions): TokenKeys {
  let known = new Map<string, KnownKey>();
  /** Objects of keys that neither sign nor verify any more. */
  let old: string[] = [];
  let readAtMs = -Infinity;
  let reading: Promise<void> | undefined;
  let making: Promise<TokenKey> | undefined;

  async function readAll(): Promise<void> {
    const found = new Map<string, KnownKey>();
    old = [];
    for await (const name of store.listObjects(tokenKeysPrefix)) {
      const id = parseTokenKeyKey(name);
      const key = id === undefined ? undefined : (known.get(id) ?? (await read(name, id)));
      if (key === undefined) continue;
      if (key.createdAtMs > now() - livesForMs) found.set(key.id, key);
      else old.push(name);
    }
    known = found;
    readAtMs = now();
  }

  const readOnce = () => (reading ??= readAll().finally(() => (reading = undefined)));

  async function read(name: string, id: string): Promise<KnownKey | undefined> {
    const bytes = await store.readObject(name);
    if (bytes === undefined) return undefined;
    const { createdAtMs, secret: encoded } = JSON.parse(Buffer.from(bytes).toString('utf8')) as {
      readonly createdAtMs: number;
      readonly secret: string;
    };
    return { id, createdAtMs, secret: Buffer.from(encoded, 'base64url') };
  }

  function newest(): KnownKey | undefined {
    const [first] = [...known.values()].sort((a, b) => b.createdAtMs - a.createdAtMs);
    return first !== undefined && first.createdAtMs > now() - signsForMs ? first : undefined;
  }

  async function make(): Promise<TokenKey> {
    await readOnce();
    const found = newest();
    if (found !== undefined) return found;
    const key = { ...createTokenKey(), createdAtMs: now() };
    const secret = Buffer.from(key.secret).toString('base64url');
    await store.writeObject(tokenKeyKey(key.id), Buffer.from(JSON.stringify({ createdAtMs: key.createdAtMs, secret })));
    for (const name of old) await store.removeObject(name);
    known.set(key.id, key);
    return key;
  }

  return {
    current: async () => newest() ?? (await (making ??= make().finally(() => (making = undefined)))),
    async find(id) {
      if (!known.has(id) && now() - readAtMs >= minRereadMs) await readOnce();
      return known.get(id);
    },
  };
}
