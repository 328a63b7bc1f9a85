// How robots authenticate: with their token for a password, under any user name, or with an access token that was given for it. A
// frontend looks for robot tokens every few seconds, so that all frontends refuse a revoked one within those.
import { setTimeout as delay } from 'node:timers/promises';
import type { BlobStore } from '@cistern/blob-store';
import { CacheError } from '@cistern/errors';
import { openPoll } from '@cistern/runtime';
import type { Logger } from '@cistern/telemetry';
import type { Authentication } from '../authentication/authenticator.ts';
import type { PasswordMethod, TokenMethod } from '../authentication/create-authenticator.ts';
import { isExpired, isSecretOf, parseRobotToken, type RobotRecord, listRobotIds, readRobot } from './robot-tokens.ts';

/** The port to what is kept of robot tokens. */
export interface Robots {
  /**
   * `undefined`: there is none, or it was revoked. The answer may be some seconds old, and some minutes while the store
   * is unavailable. Rejects with a CacheError where it is older.
   */
  find(id: string): Promise<RobotRecord | undefined>;
}

export interface RobotMethodOptions {
  readonly robots: Robots;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export function createRobotMethod({ robots, now }: RobotMethodOptions): PasswordMethod {
  return async ({ password }) => {
    const shown = parseRobotToken(password);
    if (shown === undefined) return undefined;
    const record = await robots.find(shown.id);
    if (record === undefined || !isSecretOf(record, shown.secret)) return refused('it is unknown or was revoked');
    if (isExpired(record, now())) return refused(`that of ${record.name} has expired`);
    const { name, grants, id } = record;
    return { result: 'accepted', method: 'robot', identity: { name, method: 'robot', grants, robotId: id } };
  };
}

/** Of `verify` takes back what it says of access tokens whose robot is not there any more. */
export function watchRobots(verify: TokenMethod, { robots, now }: RobotMethodOptions): TokenMethod {
  return async (token) => {
    const found = await verify(token);
    const robotId = found?.result === 'accepted' ? found.identity.robotId : undefined;
    if (robotId === undefined) return found;
    const record = await robots.find(robotId);
    return record !== undefined && !isExpired(record, now()) ? found : refused('it was revoked or has expired');
  };
}

function refused(why: string): Authentication {
  const message = 'The robot token is not valid, or not any more.';
  return { result: 'refused', method: 'robot', message, why: `robot token: ${why}` };
}

interface WatchRobotsOptions extends Pick<RobotMethodOptions, 'now'> {
  readonly store: Pick<BlobStore, 'listObjects' | 'readObject'>;
  readonly log: Logger;
}

const lookEveryMs = 5000;
/** Clients can make up any number of ids, so a caller with an unknown one waits for the next look. */
const lookAgainMs = 1000;
/** While the store is unavailable, the last known tokens are good for so long. */
const trustedForMs = 5 * 60_000;

/** Resolves when it has looked, or could not. The caller closes it. */
export async function watchRobotTokens({
  store,
  log,
  now,
}: WatchRobotsOptions): Promise<Robots & { close(): Promise<void> }> {
  let known = new Map<string, RobotRecord>();
  let begunAtMs = -Infinity;
  let seenAtMs = -Infinity;
  let coming: Promise<void> | undefined;
  const closing = new AbortController();

  async function look(): Promise<void> {
    begunAtMs = now();
    const found = new Map<string, RobotRecord>();
    for await (const id of listRobotIds(store)) {
      // What is written is never changed.
      const record = known.get(id) ?? (await readRobot(store, id));
      if (record !== undefined) found.set(id, record);
    }
    known = found;
    seenAtMs = begunAtMs;
  }

  const poll = openPoll({
    everyMs: lookEveryMs,
    look,
    onFailure(error, times) {
      if (times === 1)
        log.warn({ err: error }, 'robot tokens cannot be read: those that are known are good for minutes');
    },
  });

  /** Resolves after a look that has begun since now. */
  function lookAgain(): Promise<void> {
    coming ??= (async () => {
      await delay(Math.max(0, begunAtMs + lookAgainMs - now()), undefined, { signal: closing.signal }).catch(() => {});
      coming = undefined;
      await poll.look();
    })();
    return coming;
  }

  await poll.look();
  return {
    async find(id) {
      if (!known.has(id)) await lookAgain();
      if (now() - seenAtMs > trustedForMs)
        throw new CacheError('store-unavailable', 'Which robot tokens there are cannot be found out at present.');
      return known.get(id);
    },
    async close() {
      closing.abort();
      await poll.close();
      await coming;
    },
  };
}
