// The robot tokens that there are, as a frontend knows them: looked for every few seconds, so that one that was revoked is
// refused by all of them within those.
import { setTimeout as delay } from 'node:timers/promises';
import type { RobotRecord } from './robot-token.ts';
import type { Robots } from './create-robot-methods.ts';
import type { BlobStore } from '@cistern/blob-store';
import { CacheError } from '@cistern/errors';
import type { Logger } from '@cistern/telemetry';
import { listRobotIds, readRobot } from './robot-tokens.ts';

export interface WatchRobotsOptions {
  readonly store: Pick<BlobStore, 'listObjects' | 'readObject'>;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface WatchedRobots extends Robots {
  close(): Promise<void>;
}

const lookEveryMs = 5000;
/** Of ids that nobody has made there are as many as somebody sends: who brings one waits for the next look. */
const lookAgainMs = 1000;
/** Without the store, what was known last is good for so long. */
const trustedForMs = 5 * 60_000;

/** Resolves when it has looked, or could not. The caller closes it. */
export async function watchRobotTokens({ store, log, now }: WatchRobotsOptions): Promise<WatchedRobots> {
  let known = new Map<string, RobotRecord>();
  let begunAtMs = -Infinity;
  let seenAtMs = -Infinity;
  let looking: Promise<void> | undefined;
  let coming: Promise<void> | undefined;
  const closing = new AbortController();
  let isTold = false;
  let timer: NodeJS.Timeout | undefined;

  async function look(): Promise<void> {
    clearTimeout(timer);
    begunAtMs = now();
    try {
      const found = new Map<string, RobotRecord>();
      for await (const id of listRobotIds(store)) {
        // What is written is never changed.
        const record = known.get(id) ?? (await readRobot(store, id));
        if (record !== undefined) found.set(id, record);
      }
      known = found;
      seenAtMs = begunAtMs;
      isTold = false;
    } catch (error) {
      if (!isTold) log.warn({ err: error }, 'robot tokens cannot be read: those that are known are good for minutes');
      isTold = true;
    }
    if (!closing.signal.aborted) timer = setTimeout(() => void lookOnce(), lookEveryMs);
  }

  const lookOnce = () => (looking ??= look().finally(() => (looking = undefined)));

  /** Resolves after a look that has begun since now. */
  function lookAgain(): Promise<void> {
    coming ??= (async () => {
      await looking;
      await delay(Math.max(0, begunAtMs + lookAgainMs - now()), undefined, { signal: closing.signal }).catch(() => {});
      coming = undefined;
      await lookOnce();
    })();
    return coming;
  }

  await lookOnce();
  return {
    async find(id) {
      if (!known.has(id)) await lookAgain();
      if (now() - seenAtMs > trustedForMs)
        throw new CacheError('store-unavailable', 'Which robot tokens there are cannot be found out at present.');
      return known.get(id);
    },
    async close() {
      closing.abort();
      await coming;
      await looking;
      clearTimeout(timer);
    },
  };
}
