// Passes keys of issuers from workers, which fetch them, to frontends, which verify tokens with them. Each issuer has
// an object in the store. A frontend enqueues a job that names the issuer, and then reads the keys from the store
// instead of the job's result (decision 0030).
import type { IssuerKeys, NamedIssuer } from './create-oidc-method.ts';
import { readIssuerKeys } from './read-issuer-keys.ts';
import { type BlobStore, issuerKeysKey, type ObjectStore, sealObjects } from '@cistern/blob-store';
import type { Config } from '@cistern/config';
import { CacheError, isCacheError } from '@cistern/errors';
import type { JobQueue } from '@cistern/jobs';
import { type Documents, openDocuments, proxyFor } from '@cistern/upstream';
import { endsWithin } from '@cistern/runtime';
import type { NodeContext } from '@cistern/runtime/process';

type Issuer = Config['auth']['oidc'][number];

interface KeysObject {
  readonly schema: 1;
  /** URL of the keys' issuer. Keys are ignored if the configuration now has another URL for this issuer. */
  readonly issuer: string;
  readonly fetchedAtMs: number;
  readonly keys: Awaited<ReturnType<typeof readIssuerKeys>>;
}

/** Older keys are fetched again in the background. */
const freshForMs = 10 * 60_000;
/** How long keys stay valid without confirmation by the issuer. */
const usableForMs = 24 * 3_600_000;
/** Shortest time between fetches, because clients can send any number of tokens with unknown keys. */
const minRefetchMs = 10_000;
const jobTimeoutMs = 15_000;
const closeGraceMs = 3_000;

async function readObject(
  store: Pick<BlobStore, 'readObject'>,
  { name, url }: NamedIssuer,
): Promise<KeysObject | undefined> {
  const bytes = await store.readObject(issuerKeysKey(name));
  if (bytes === undefined) return undefined;
  try {
    const object = JSON.parse(Buffer.from(bytes).toString('utf8')) as KeysObject;
    return object.schema === 1 && object.issuer === url && Array.isArray(object.keys) ? object : undefined;
  } catch {
    return undefined;
  }
}

/** Returns a store that encrypts the keys of issuers. All nodes of a cluster use the same key. */
export function sealIssuerKeys(store: ObjectStore, { cluster }: Pick<Config, 'cluster'>): ObjectStore {
  return sealObjects(store, cluster?.secret.reveal(), 'issuer keys');
}

export interface IssuerKeysOptions {
  readonly store: Pick<BlobStore, 'readObject'>;
  readonly queue: Pick<JobQueue, 'run' | 'add'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Creates the frontend's access to issuer keys. It keeps keys in memory by the URL of their issuer. */
export function createIssuerKeys({ store, queue, now }: IssuerKeysOptions): IssuerKeys {
  const known = new Map<string, KeysObject>();
  const requestedAtMs = new Map<string, number>();

  const isUsable = (object: KeysObject | undefined): object is KeysObject =>
    object !== undefined && object.fetchedAtMs > now() - usableForMs;

  /**
   * Reads the keys from the store, where a job of another frontend may have updated them. Falls back to the keys in
   * memory if the store has none.
   */
  async function load(issuer: NamedIssuer): Promise<KeysObject | undefined> {
    const found = await readObject(store, issuer);
    if (found !== undefined) known.set(issuer.url, found);
    return found ?? known.get(issuer.url);
  }

  /** Like `load`, but falls back to usable keys in memory while the store is unavailable. */
  async function readOrRecall(issuer: NamedIssuer): Promise<KeysObject | undefined> {
    try {
      return await load(issuer);
    } catch (error) {
      const object = known.get(issuer.url);
      if (!isUsable(object) || !isCacheError(error, 'store-unavailable')) throw error;
      return object;
    }
  }

  const mayFetch = ({ url }: NamedIssuer) => now() - (requestedAtMs.get(url) ?? -Infinity) >= minRefetchMs;

  async function fetchNow(issuer: NamedIssuer): Promise<KeysObject | undefined> {
    const { name, url } = issuer;
    requestedAtMs.set(url, now());
    const options = { dedupKey: name, class: 'interactive', timeoutMs: jobTimeoutMs } as const;
    await queue.run('fetch-issuer-keys', { issuer: name }, options);
    return load(issuer);
  }

  function fetchBehind(issuer: NamedIssuer): void {
    const { name, url } = issuer;
    if (!mayFetch(issuer)) return;
    requestedAtMs.set(url, now());
    // Ignores a failure, because the next request with a token retries.
    queue.add('fetch-issuer-keys', { issuer: name }, { dedupKey: name, class: 'background' }).catch(() => {});
  }

  return {
    async get(issuer) {
      let object = known.get(issuer.url);
      if (object === undefined || object.fetchedAtMs <= now() - freshForMs) object = await readOrRecall(issuer);
      if (!isUsable(object)) object = await fetchNow(issuer);
      else if (object.fetchedAtMs <= now() - freshForMs) fetchBehind(issuer);
      if (!isUsable(object))
        throw new CacheError(
          'upstream-unreachable',
          'The keys of this token are unavailable: its issuer cannot be reached. Try again later.',
        );
      return { keys: [...object.keys] };
    },
    async getFresh(issuer) {
      const object = mayFetch(issuer) ? await fetchNow(issuer) : await load(issuer);
      return { keys: isUsable(object) ? [...object.keys] : [] };
    },
  };
}

export interface FetchIssuerKeysOptions extends Pick<NodeContext, 'env' | 'version'> {
  readonly issuers: readonly Issuer[];
  readonly store: Pick<BlobStore, 'readObject' | 'writeObject'>;
  readonly instanceId: string;
  readonly now: () => number;
}

export interface IssuerKeysFetcher {
  /** Skips an issuer whose keys were fetched a moment ago. Rejects with a CacheError. */
  fetch(name: string, signal: AbortSignal): Promise<void>;
  /** Waits some seconds for running fetches, because a reload also closes a fetcher. Then aborts them. */
  close(): Promise<void>;
}

/** Creates the worker's fetcher of issuer keys. */
export function createIssuerKeysFetcher({
  issuers,
  store,
  env,
  now,
  ...own
}: FetchIssuerKeysOptions): IssuerKeysFetcher {
  const proxy = (url: URL) => proxyFor(url, env);
  const opened = new Map<string, { readonly issuer: Issuer; readonly documents: Documents }>();
  for (const issuer of issuers) {
    const { name, url, ca } = issuer;
    const documents = openDocuments({ ...own, name: `issuer ${name}`, url, tls: { ca }, proxy });
    opened.set(name, { issuer, documents });
  }
  const running = new Set<Promise<void>>();

  async function fetchKeys(name: string, signal: AbortSignal): Promise<void> {
    const found = opened.get(name);
    if (found === undefined)
      throw new CacheError(
        'name-unknown',
        `The configuration of this node has no issuer "${name}". Use the same configuration on all nodes.`,
      );
    const { issuer, documents } = found;
    const before = await readObject(store, issuer);
    if (before !== undefined && now() - before.fetchedAtMs < minRefetchMs) return;
    try {
      const keys = await readIssuerKeys(issuer.url, (url) => documents.read(url, signal));
      const object: KeysObject = { schema: 1, issuer: issuer.url, fetchedAtMs: now(), keys };
      await store.writeObject(issuerKeysKey(name), Buffer.from(`${JSON.stringify(object)}\n`));
    } catch (error) {
      if (error instanceof CacheError) throw error;
      const message = `Failed to fetch the keys of issuer "${name}": ${(error as Error).message}.`;
      throw new CacheError('upstream-unreachable', message, { cause: error });
    }
  }

  return {
    fetch(name, signal) {
      const fetching = fetchKeys(name, signal).finally(() => running.delete(fetching));
      running.add(fetching);
      return fetching;
    },
    async close() {
      await endsWithin(Promise.allSettled(running), closeGraceMs);
      await Promise.all([...opened.values()].map(({ documents }) => documents.close()));
    },
  };
}
