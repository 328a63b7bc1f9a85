// Counts tries under a key in a window of ten minutes. Nodes that share a Redis count together. Without it each counts for
// itself, and keeps to what it knows of the others.
import { createBriefAsker } from '@cistern/redis';
import type { Logger } from '@cistern/telemetry';
import type { Cluster, Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis, type RateLimiterRes } from 'rate-limiter-flexible';

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

export function createTries({ name, max, shared, log }: TriesOptions): Tries {
  const limit = { points: max, duration: windowSeconds };
  const own = new RateLimiterMemory(limit);
  const everywhere =
    shared && new RateLimiterRedis({ ...limit, storeClient: shared.client, keyPrefix: `${shared.keyPrefix}${name}` });
  const onFailure = (error: unknown) =>
    log.warn({ err: error }, 'wrong passwords cannot be counted with other nodes: each counts for itself');
  const ask = shared && createBriefAsker({ commandTimeoutMs: shared.commandTimeoutMs, onFailure });

  /** A lock-out that others have made holds here too, whatever becomes of Redis. */
  async function countEverywhere(key: string): Promise<RateLimiterRes | undefined> {
    const found = everywhere && (await ask?.(() => everywhere.penalty(key, 1)));
    if (found && found.consumedPoints > max) await own.block(key, Math.ceil(found.msBeforeNext / 1000));
    return found;
  }

  return {
    async remainingMs(key) {
      const found = await own.get(key);
      return found === null || found.consumedPoints < max ? 0 : Math.max(found.msBeforeNext, 1);
    },
    async begin(key) {
      const here = await own.penalty(key, 1);
      const there = here.consumedPoints > max ? undefined : await countEverywhere(key);
      const beyond = [here, there].find((found) => found && found.consumedPoints > max);
      return {
        remainingMs: beyond === undefined ? 0 : Math.max(beyond.msBeforeNext, 1),
        async takeBack() {
          await own.reward(key, 1);
          // A try that was not counted there must not give a guess more.
          if (there !== undefined) await ask?.(async () => everywhere?.reward(key, 1));
        },
      };
    },
  };
}
