// Who has guessed wrong too often has to wait. Nodes that share a Redis count together; without it each counts for itself, and
// keeps to what it knows of the others.
import { createHmac, randomBytes } from 'node:crypto';
import { createBriefAsker } from '@cistern/redis';
import type { Logger } from '@cistern/telemetry';
import type { Cluster, Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis, type RateLimiterRes } from 'rate-limiter-flexible';
import { networkOf } from '../policy/network-of.ts';

export interface LockOutOptions {
  /** Where nodes count together; `undefined`: this process counts for itself. */
  readonly shared: SharedTries | undefined;
  readonly log: Pick<Logger, 'warn'>;
}

export interface SharedTries {
  /** Not closed here. */
  readonly client: Redis | Cluster;
  readonly keyPrefix: string;
  /** The same on all nodes: what somebody has typed for a name stands in Redis under a hash that is keyed with it. */
  readonly secret: string;
  readonly commandTimeoutMs: number;
}

export interface LockOut {
  /** How long this user cannot come in from there, in milliseconds, as far as this process knows; 0: may try. */
  remainingMs(clientIp: string, user: string): Promise<number>;
  /** Counts a try, before it is known how it ends; so that many at once are not more than many in turn. */
  begin(clientIp: string, user: string): Promise<Try>;
}

interface Try {
  /** As `LockOut.remainingMs`, as far as all nodes know that can be asked. */
  readonly remainingMs: number;
  /** It was none to be counted. */
  takeBack(): Promise<void>;
}

const tries = 10;
const windowSeconds = 600;
const limit = { points: tries, duration: windowSeconds };

/** Ten wrong passwords of one user from one network in ten minutes are the last until those are over. */
export function createLockOut({ shared, log }: LockOutOptions): LockOut {
  const own = new RateLimiterMemory(limit);
  const everywhere =
    shared && new RateLimiterRedis({ ...limit, storeClient: shared.client, keyPrefix: `${shared.keyPrefix}lockout` });
  const secret = shared?.secret ?? randomBytes(32);
  const onFailure = (error: unknown) =>
    log.warn({ err: error }, 'wrong passwords cannot be counted with other nodes: each counts for itself');
  const ask = shared && createBriefAsker({ commandTimeoutMs: shared.commandTimeoutMs, onFailure });

  /** Of few characters, however long a name somebody makes up. */
  function keyOf(clientIp: string, user: string): string {
    return createHmac('sha256', secret)
      .update(`cistern lock-out ${networkOf(clientIp)} ${user}`)
      .digest('base64url');
  }

  /** A lock-out that others have made holds here too, whatever becomes of Redis. */
  async function countEverywhere(key: string): Promise<RateLimiterRes | undefined> {
    const found = everywhere && (await ask?.(() => everywhere.penalty(key, 1)));
    if (found && found.consumedPoints > tries) await own.block(key, Math.ceil(found.msBeforeNext / 1000));
    return found;
  }

  return {
    async remainingMs(clientIp, user) {
      const found = await own.get(keyOf(clientIp, user));
      return found === null || found.consumedPoints < tries ? 0 : Math.max(found.msBeforeNext, 1);
    },
    async begin(clientIp, user) {
      const key = keyOf(clientIp, user);
      const here = await own.penalty(key, 1);
      const there = here.consumedPoints > tries ? undefined : await countEverywhere(key);
      const beyond = [here, there].find((found) => found && found.consumedPoints > tries);
      return {
        remainingMs: beyond === undefined ? 0 : Math.max(beyond.msBeforeNext, 1),
        async takeBack() {
          await own.reward(key, 1);
          // What was not counted there would give somebody a guess more.
          if (there !== undefined) await ask?.(async () => everywhere?.reward(key, 1));
        },
      };
    },
  };
}
