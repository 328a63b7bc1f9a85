// How robots come in: with their token for a password, under any user name, or with an access token that was given for it.
import type { Authentication } from '../authentication/authenticator.ts';
import type { PasswordMethod, TokenMethod } from '../authentication/create-authenticator.ts';
import { isExpired, isSecretOf, parseRobotToken, type RobotRecord } from './robot-token.ts';

/** The port to what is kept of robot tokens. */
export interface Robots {
  /**
   * `undefined`: there is none, or it was revoked. What is known may be some seconds old, and minutes where the store is
   * away; rejects with a CacheError where it is older.
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
