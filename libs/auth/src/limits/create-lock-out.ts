// Limits the password guesses of a client network: for each user name, and for all user names together. A user is
// never locked out for all networks, because then a stranger could lock out that user (decision 0051). Attempts are counted
// by key in periods of ten minutes. Nodes that share a Redis count together. While Redis is unavailable, each node
// counts alone, and still enforces the lock-outs that it learned from other nodes.
import { createHmac, randomBytes } from 'node:crypto';
import { createBriefQuery, type QueryBriefly } from '@cistern/redis';
import { type Logger, neverDemoted } from '@cistern/telemetry';
import type { Cluster, Redis } from 'ioredis';
import { LRUCache } from 'lru-cache';
import { RateLimiterRedis, type RateLimiterRes } from 'rate-limiter-flexible';
import { networkOf } from '../policy/networks.ts';

export interface LockOut {
  /**
   * Returns for how many milliseconds this user cannot log in from the network of `clientIp`, as far as this process
   * knows. 0 means that the user is not locked out.
   */
  remainingMs(clientIp: string, user: string | undefined): Promise<number>;
  /** Like `Tries.begin`. `user` is `undefined` if the credentials have no user name. */
  begin(clientIp: string, user: string | undefined): Promise<Try>;
}

const maxOfAccount = 10;
const maxOfNetwork = 100;

/**
 * After ten wrong passwords for one user in ten minutes, locks out that user from that network. After a hundred for any users,
 * locks out the whole network.
 */
export function createLockOut(options: Pick<TriesOptions, 'shared' | 'log'>): LockOut {
  const query = createQuery(options);
  const ofAccount = createTries({ ...options, query, name: 'lockout', max: maxOfAccount });
  const ofNetwork = createTries({ ...options, query, name: 'lockout-network', max: maxOfNetwork });
  const secret = options.shared?.secret ?? randomBytes(32);

  /** Returns a short key, however long the client's name is. */
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
      // Does not count the name if the network is already locked out, so that made-up names take no memory.
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
  /** The caller closes the Redis client. */
  readonly client: Redis | Cluster;
  readonly keyPrefix: string;
  /** Equal on all nodes. Secret of the HMAC that makes Redis keys from networks and user names. */
  readonly secret: string;
  readonly commandTimeoutMs: number;
}

export interface TriesOptions {
  /** Part of the keys in Redis, after `keyPrefix`. */
  readonly name: string;
  /** Largest number of attempts in ten minutes. */
  readonly max: number;
  /** Lets nodes count together; `undefined` means that this process counts alone. */
  readonly shared: SharedTries | undefined;
  readonly log: Pick<Logger, 'warn'>;
  /** Queries the Redis of `shared`. Default: a function of its own. */
  readonly query?: QueryBriefly | undefined;
}

export interface Tries {
  /** Milliseconds until another attempt with this key is allowed, as far as this process knows. 0 means now. */
  remainingMs(key: string): Promise<number>;
  /** Counts an attempt before its outcome is known, so that parallel attempts count like sequential ones. */
  begin(key: string): Promise<Try>;
}

export interface Try {
  /**
   * 0 means that this attempt is allowed. Otherwise the milliseconds until attempts are allowed again. Attempts on other nodes
   * count too, if Redis answers.
   */
  readonly remainingMs: number;
  /** Removes the attempt from the count. */
  takeBack(): Promise<void>;
}

const windowSeconds = 600;
/** Largest number of keys in memory. Clients can make up keys, so a process forgets the least recently used. */
const maxKeys = 100_000;

export function createTries({ name, max, shared, ...options }: TriesOptions): Tries {
  const { query = createQuery({ shared, ...options }) } = options;
  const own = createOwnCounts();
  const limit = { points: max, duration: windowSeconds };
  const everywhere =
    shared && new RateLimiterRedis({ ...limit, storeClient: shared.client, keyPrefix: `${shared.keyPrefix}${name}` });

  /** Counts in Redis. A lock-out by other nodes is copied, so that it holds here even if Redis fails. */
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
          // Undoes the attempt in Redis only if Redis counted it. Otherwise the client would get an additional guess.
          if (there !== undefined) await query?.(async () => everywhere?.reward(key, 1));
        },
      };
    },
  };
}

function createQuery({ shared, log: nodeLog }: Pick<TriesOptions, 'shared' | 'log'>): QueryBriefly | undefined {
  const log = neverDemoted(nodeLog);
  const onFailure = (error: unknown) => log.warn({ err: error }, 'failed to share login attempts, counting locally');
  return shared && createBriefQuery({ commandTimeoutMs: shared.commandTimeoutMs, onFailure });
}

interface Count {
  readonly count: number;
  /** Milliseconds left in the period. */
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
