// Authenticates robots. A robot presents its token as the password of any user name, or an access token that it got
// with its robot token. Frontends read the records again every few seconds, so all of them soon reject a revoked token.
import { setTimeout as delay } from 'node:timers/promises';
import type { BlobStore } from '@cistern/blob-store';
import { CacheError } from '@cistern/errors';
import { openPoll } from '@cistern/runtime';
import { type Logger, neverDemoted } from '@cistern/telemetry';
import type { Authentication } from '../authentication/authenticator.ts';
import type { PasswordMethod, TokenMethod } from '../authentication/create-authenticator.ts';
import { isExpired, isSecretOf, parseRobotToken, type RobotRecord, listRobotIds, readRobot } from './robot-tokens.ts';

/** The port to the records of robot tokens. */
export interface Robots {
  /**
   * Returns the record, or `undefined` if there is none or the token was revoked. The result can be some seconds old,
   * or some minutes while the store is unavailable. Rejects with a CacheError if the last successful read is older.
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
    const token = parseRobotToken(password);
    if (token === undefined) return undefined;
    const record = await robots.find(token.id);
    if (record === undefined || !isSecretOf(record, token.secret)) return refused('it is unknown or was revoked');
    if (isExpired(record, now())) return refused(`the token of ${record.name} has expired`);
    const { name, grants, id } = record;
    return { result: 'accepted', method: 'robot', identity: { name, method: 'robot', grants, robotId: id } };
  };
}

/** Wraps `verify`: rejects access tokens whose robot token was revoked or has expired. */
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
  const message = 'The robot token is invalid, expired or revoked.';
  return { result: 'refused', method: 'robot', message, why: `robot token: ${why}` };
}

interface WatchRobotsOptions extends Pick<RobotMethodOptions, 'now'> {
  readonly store: Pick<BlobStore, 'listObjects' | 'readObject'>;
  readonly log: Logger;
}

const readEveryMs = 5000;
/**
 * Shortest time between reads. Clients can make up any number of ids, so a request with an unknown id waits for the
 * next read.
 */
const minRereadMs = 1000;
/** How long the last known tokens stay valid while the store is unavailable. */
const trustedForMs = 5 * 60_000;

/** Resolves after the first read succeeded or failed. The caller closes the result. */
export async function watchRobotTokens({
  store,
  log: nodeLog,
  now,
}: WatchRobotsOptions): Promise<Robots & { close(): Promise<void> }> {
  const log = neverDemoted(nodeLog);
  let known = new Map<string, RobotRecord>();
  let begunAtMs = -Infinity;
  let seenAtMs = -Infinity;
  let rereading: Promise<void> | undefined;
  const closing = new AbortController();

  async function readAll(): Promise<void> {
    begunAtMs = now();
    const found = new Map<string, RobotRecord>();
    for await (const id of listRobotIds(store)) {
      // Records never change after they are written, so a known record is not read again.
      const record = known.get(id) ?? (await readRobot(store, id));
      if (record !== undefined) found.set(id, record);
    }
    known = found;
    seenAtMs = begunAtMs;
  }

  const poll = openPoll({
    everyMs: readEveryMs,
    check: readAll,
    onFailure(error, times) {
      if (times === 1) log.warn({ err: error }, 'failed to read robot tokens, using cached ones');
    },
  });

  /** Resolves after a read that began after this call. */
  function reread(): Promise<void> {
    rereading ??= (async () => {
      await delay(Math.max(0, begunAtMs + minRereadMs - now()), undefined, { signal: closing.signal }).catch(() => {});
      rereading = undefined;
      await poll.check();
    })();
    return rereading;
  }

  await poll.check();
  return {
    async find(id) {
      if (!known.has(id)) await reread();
      if (now() - seenAtMs > trustedForMs)
        throw new CacheError('store-unavailable', 'The robot tokens cannot be read from the store. Try again later.');
      return known.get(id);
    },
    async close() {
      closing.abort();
      await poll.close();
      await rereading;
    },
  };
}
