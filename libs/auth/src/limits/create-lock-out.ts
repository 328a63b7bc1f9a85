// Bounds guessing: by client network and account, and by network for all accounts together. Never by account alone: then a
// stranger could lock its owner out (decision 0051). Tries are counted under a key in a window of ten minutes. Nodes that share a
// Redis count together. Without it each counts for itself, and keeps to what it knows of the others.
import { createHmac, randomBytes } from 'node:crypto';
import { createBriefQuery } from '@cistern/redis';
import type { Logger } from '@cistern/telemetry';
import type { Cluster, Redis } from 'ioredis';
import { LRUCache } from 'lru-cache';
import { RateLimiterRedis, type RateLimiterRes } from 'rate-limiter-flexible';
import { networkOf } from '../policy/networks.ts';

export interface LockOut {
  /** How long this user cannot log in from there, in milliseconds, as far as this process knows; 0: may try. */
  remainingMs(clientIp: string, user: string | undefined): Promise<number>;
  /** As `Tries.begin`. `undefined`: the credentials have no user name. */
  begin(clientIp: string, user: string | undefined): Promise<Try>;
}

const maxOfAccount = 10;
const maxOfNetwork = 100;

/** After ten wrong passwords for one user, or a hundred for any, from one network in ten minutes it has no more tries. */
export function createLockOut(options: Pick<TriesOptions, 'shared' | 'log'>): LockOut {
  const ofAccount = createTries({ ...options, name: 'lockout', max: maxOfAccount });
  const ofNetwork = createTries({ ...options, name: 'lockout-network', max: maxOfNetwork });
  const secret = options.shared?.secret ?? randomBytes(32);

  /** A short key, however long a name a client makes up. */
  function keyOf(...names: readonly string[]): string {
    return createHmac('sha256', secret)
      .update(['cistern lock-out', ...names].join(' '))
      .digest('base64url');
  }

  return {
    async remainingMs(clientIp, user) {
      const network = networkOf(clientIp);
      const remaining = [await ofNetwork.remainingMs(keyOf(network))];
      if (user !== undefined) remaining.push(await ofAccount.remainingMs(keyOf(network, user)));
      return Math.max(...remaining);
    },
    async begin(clientIp, user) {
      const network = networkOf(clientIp);
      const first = await ofNetwork.begin(keyOf(network));
      // Made-up names of a network that is locked out anyway take no memory.
      if (user === undefined || first.remainingMs > 0) return first;
      const second = await ofAccount.begin(keyOf(network, user));
      return {
        remainingMs: second.remainingMs,
        async takeBack() {
          await Promise.all([first.takeBack(), second.takeBack()]);
        },
      };
    },
  };
}

export interface SharedTries {
  /** Not closed here. */
  readonly client: Redis | Cluster;
  readonly keyPrefix: string;
  /** The same on all nodes: names that clients have typed are in Redis under a hash that is keyed with it. */
  readonly secret: string;
  readonly commandTimeoutMs: number;
}

export interface TriesOptions {
  /** Follows the prefix of all keys in Redis. */
  readonly name: string;
  /** Tries in ten minutes. */
  readonly max: number;
  /** Where nodes count together; `undefined`: this process counts for itself. */
  readonly shared: SharedTries | undefined;
  readonly log: Pick<Logger, 'warn'>;
}

export interface Tries {
  /** How long there are no more tries under this key, in milliseconds, as far as this process knows; 0: there are. */
  remainingMs(key: string): Promise<number>;
  /** Counts a try, before it is known how it ends; so that many at once are not more than many in turn. */
  begin(key: string): Promise<Try>;
}

export interface Try {
  /** As `remainingMs`, as far as all nodes know that can be asked. */
  readonly remainingMs: number;
  /** It was none to be counted. */
  takeBack(): Promise<void>;
}

const windowSeconds = 600;
/** Clients make up keys, so a process forgets the oldest. */
const maxKeys = 100_000;

export function createTries({ name, max, shared, log }: TriesOptions): Tries {
  const own = createOwnCounts();
  const limit = { points: max, duration: windowSeconds };
  const everywhere =
    shared && new RateLimiterRedis({ ...limit, storeClient: shared.client, keyPrefix: `${shared.keyPrefix}${name}` });
  const onFailure = (error: unknown) =>
    log.warn({ err: error }, 'wrong passwords cannot be counted with other nodes: each counts for itself');
  const query = shared && createBriefQuery({ commandTimeoutMs: shared.commandTimeoutMs, onFailure });

  /** A lock-out that others have made holds here too, whatever becomes of Redis. */
  async function countEverywhere(key: string): Promise<RateLimiterRes | undefined> {
    const found = everywhere && (await query?.(() => everywhere.penalty(key, 1)));
    if (found && found.consumedPoints > max) own.set(key, found.consumedPoints, found.msBeforeNext);
    return found;
  }

  return {
    async remainingMs(key) {
      const found = own.get(key);
      return found.count < max ? 0 : found.leftMs;
    },
    async begin(key) {
      const here = own.add(key, 1);
      if (here.count > max) return { remainingMs: here.leftMs, takeBack: async () => void own.add(key, -1) };
      const there = await countEverywhere(key);
      const isBeyond = there !== undefined && there.consumedPoints > max;
      return {
        remainingMs: isBeyond ? Math.max(there.msBeforeNext, 1) : 0,
        async takeBack() {
          own.add(key, -1);
          // A try that was not counted there must not give a guess more.
          if (there !== undefined) await query?.(async () => everywhere?.reward(key, 1));
        },
      };
    },
  };
}

interface Count {
  readonly count: number;
  /** Milliseconds of the window that are left. */
  readonly leftMs: number;
}

function createOwnCounts() {
  const counts = new LRUCache<string, { readonly count: number; readonly endsAtMs: number }>({ max: maxKeys });

  function get(key: string): Count {
    const found = counts.get(key);
    const leftMs = (found?.endsAtMs ?? 0) - performance.now();
    return found !== undefined && leftMs > 0
      ? { count: found.count, leftMs }
      : { count: 0, leftMs: windowSeconds * 1000 };
  }

  function set(key: string, count: number, leftMs: number): void {
    counts.set(key, { count, endsAtMs: performance.now() + leftMs });
  }

  return {
    get,
    set,
    add(key: string, tries: number): Count {
      const { count, leftMs } = get(key);
      const sum = Math.max(0, count + tries);
      set(key, sum, leftMs);
      return { count: sum, leftMs };
    },
  };
}
