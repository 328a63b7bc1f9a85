// Checks a user's password. bcrypt is slow on purpose, so its verdicts are remembered and its work is bounded: passwords that
// were right cost a keyed hash, and guesses neither all processors nor the threads that read files (decision 0028).
import { createHmac, randomBytes } from 'node:crypto';
import { CacheError } from '@cistern/errors';
import bcrypt from 'bcrypt';
import { LRUCache } from 'lru-cache';
import type { Authentication } from '../authentication/authenticator.ts';
import { type PasswordAttempt, type PasswordMethod, wrongPassword } from '../authentication/create-authenticator.ts';
import { createFairQueue } from '../limits/create-fair-queue.ts';
import type { ParsedFile } from '../authentication/open-parsed-file.ts';
import { networkOf } from '../policy/networks.ts';
import type { LockOut } from '../limits/create-lock-out.ts';
import type { HtpasswdUsers } from './htpasswd-file.ts';

const method = 'password';
const queueLimits = {
  /** Of libuv's four threads, by which files are read too. */
  atOnce: 2,
  atOncePerNetwork: 2,
  /** Many of these wait for a password that is being checked for another network. */
  maxWaiting: 1000,
  /** Some seconds of work. */
  maxWaitingPerNetwork: 50,
};
const maxRemembered = 10_000;

/**
 * An unknown user costs as much as a known one. The same wrong password again is no guess, so a job that retries locks no user
 * out. A password that was right from a network is never locked out there, and costs no bcrypt. From any other network the
 * lock-out comes first, or a guesser could find it in memory. Rejects with `overloaded` when too many wait.
 */
export function createPasswordMethod(file: ParsedFile<HtpasswdUsers>, lockOut: LockOut): PasswordMethod {
  const queue = createFairQueue({ ...queueLimits, refusal: tooManyWait });
  // Never leaves this process, so what is remembered cannot be tried elsewhere.
  const key = randomBytes(32);
  // Apart, so that wrong ones, of which there are as many as somebody sends, drive no right one out.
  const right = new LRUCache<string, true>({ max: maxRemembered });
  const rightFrom = new LRUCache<string, true>({ max: maxRemembered });
  const wrong = new LRUCache<string, true>({ max: maxRemembered });
  /** By bcrypt, now. */
  const running = new Map<string, Promise<Authentication>>();
  let known: HtpasswdUsers | undefined;

  async function readUsers(): Promise<HtpasswdUsers> {
    const users = await file.read();
    if (users !== known) for (const memory of [right, rightFrom, wrong, running]) memory.clear();
    known = users;
    return users;
  }

  function recall(user: string, name: string): Authentication | undefined {
    if (right.get(name) === true) return accept(user);
    return wrong.get(name) === true ? refused : undefined;
  }

  async function compare(
    users: HtpasswdUsers,
    { user, password, clientIp }: PasswordAttempt,
    name: string,
  ): Promise<Authentication> {
    const begun = await lockOut.begin(clientIp, user);
    if (begun.remainingMs > 0) return lockedOut(begun.remainingMs);
    const hash = users.hashes.get(user);
    const matches = await bcrypt.compare(password, hash ?? users.hashOfNobody);
    const isRight = matches && hash !== undefined;
    if (isRight) await begun.takeBack();
    // Of a file that has changed meanwhile this says nothing.
    if (users === known) (isRight ? right : wrong).set(name, true);
    return isRight ? accept(user) : refused;
  }

  /** Another network's check of the same password counts once it runs, not while it waits in that network's line. */
  function find(users: HtpasswdUsers, attempt: PasswordAttempt, name: string): Promise<Authentication> {
    return (
      running.get(name) ??
      queue.run(attempt.clientIp, async () => {
        const found = recall(attempt.user, name);
        if (found !== undefined) return found;
        const comparing = running.get(name) ?? compare(users, attempt, name);
        running.set(name, comparing);
        return comparing.finally(() => {
          if (running.get(name) === comparing) running.delete(name);
        });
      })
    );
  }

  return async (attempt) => {
    const { user, password, clientIp } = attempt;
    const users = await readUsers();
    const name = createHmac('sha256', key).update(`${user.length}:${user}${password}`).digest('base64');
    const from = `${networkOf(clientIp)} ${name}`;
    if (rightFrom.get(from) === true) return accept(user);
    const retryAfterMs = await lockOut.remainingMs(clientIp, user);
    if (retryAfterMs > 0) return lockedOut(retryAfterMs);
    let found = recall(user, name);
    if (found === undefined) {
      await attempt.beforeCheck?.();
      found = await find(users, attempt, name);
    }
    if (found.result === 'accepted' && users === known) rightFrom.set(from, true);
    return found;
  };
}

function accept(user: string): Authentication {
  return { result: 'accepted', method, identity: { name: user, method } };
}

const refused: Authentication = { result: 'refused', method, ...wrongPassword };

function lockedOut(retryAfterMs: number): Authentication {
  return { result: 'locked-out', method, retryAfterMs };
}

function tooManyWait(): CacheError {
  return new CacheError('overloaded', 'Too many passwords wait to be checked; try again in a moment.');
}
