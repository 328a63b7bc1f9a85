// The keys of access tokens, in the store for all frontends. Whoever needs a new one
// makes it; two at the same time are two keys, which hurts nobody.
import { parseTokenKeyKey, tokenKeyKey, tokenKeysPrefix, type ObjectStore } from '@cistern/blob-store';
import { createTokenKey, type TokenKey, type TokenKeys } from './token-keys.ts';

export interface StoreTokenKeysOptions {
  /** Sealed. */
  readonly store: ObjectStore;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

interface KnownKey extends TokenKey {
  readonly createdAtMs: number;
}

/** One that is older signs nothing any more. */
const signsForMs = 24 * 3_600_000;
/** One that is older is removed, with all tokens that it signed long expired. */
const livesForMs = 2 * signsForMs;
/** Tokens with keys that nobody has made are as many as somebody sends. */
const lookAgainMs = 1000;

export function createStoreTokenKeys({ store, now }: StoreTokenKeysOptions): TokenKeys {
  let known = new Map<string, KnownKey>();
  let lookedAtMs = -Infinity;
  let looking: Promise<void> | undefined;
  let making: Promise<TokenKey> | undefined;

  async function look(): Promise<void> {
    const found = new Map<string, KnownKey>();
    for await (const name of store.listObjects(tokenKeysPrefix)) {
      const id = parseTokenKeyKey(name);
      const key = id === undefined ? undefined : (known.get(id) ?? (await read(name, id)));
      if (key !== undefined && key.createdAtMs > now() - livesForMs) found.set(key.id, key);
    }
    known = found;
    lookedAtMs = now();
  }

  const lookOnce = () => (looking ??= look().finally(() => (looking = undefined)));

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
    await lookOnce();
    const found = newest();
    if (found !== undefined) return found;
    const key = { ...createTokenKey(), createdAtMs: now() };
    const name = tokenKeyKey(key.id);
    const text = JSON.stringify({
      createdAtMs: key.createdAtMs,
      secret: Buffer.from(key.secret).toString('base64url'),
    });
    await store.writeObject(name, Buffer.from(text));
    await removeOld();
    known.set(key.id, key);
    return key;
  }

  async function removeOld(): Promise<void> {
    for await (const name of store.listObjects(tokenKeysPrefix)) {
      const id = parseTokenKeyKey(name);
      const key = id === undefined ? undefined : await read(name, id);
      if (key !== undefined && key.createdAtMs <= now() - livesForMs) await store.removeObject(name);
    }
  }

  return {
    current: async () => newest() ?? (await (making ??= make().finally(() => (making = undefined)))),
    async find(id) {
      if (!known.has(id) && now() - lookedAtMs >= lookAgainMs) await lookOnce();
      return known.get(id);
    },
  };
}
