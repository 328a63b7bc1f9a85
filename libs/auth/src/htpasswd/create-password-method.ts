// Checks a user's password. bcrypt is slow on purpose, so results are remembered and concurrent checks are bounded. A
// known correct password costs only a keyed hash. Guesses cannot occupy all processors or all threads that read files
// (decision 0028).
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
  /** Two of libuv's four threads. The other two stay free to read files. */
  atOnce: 2,
  atOncePerNetwork: 2,
  /** Many of these tasks may wait for the same password, which is checked only once. */
  maxWaiting: 1000,
  /** Some seconds of work. */
  maxWaitingPerNetwork: 50,
};
const maxRemembered = 10_000;

/**
 * Creates the method. A check of an unknown user takes as long as a check of a known one. A repeated wrong password
 * counts as one guess, so a retrying job does not lock out its user. A password that was correct from a network is
 * accepted there without bcrypt, even during a lock-out. For other networks the lock-out is checked before the
 * remembered results, so that a locked-out client cannot confirm a guess. Rejects with `overloaded` if too many checks
 * wait.
 */
export function createPasswordMethod(file: ParsedFile<HtpasswdUsers>, lockOut: LockOut): PasswordMethod {
  const queue = createFairQueue({ ...queueLimits, refusal: tooManyWait });
  // The key never leaves this process, so remembered hashes cannot be tried elsewhere.
  const key = randomBytes(32);
  // The caches are separate, so that a flood of wrong passwords cannot evict correct ones.
  const correct = new LRUCache<string, true>({ max: maxRemembered });
  const correctFrom = new LRUCache<string, true>({ max: maxRemembered });
  const wrong = new LRUCache<string, true>({ max: maxRemembered });
  /** Checks that bcrypt is running now. */
  const running = new Map<string, Promise<Authentication>>();
  let known: HtpasswdUsers | undefined;

  async function readUsers(): Promise<HtpasswdUsers> {
    const users = await file.read();
    if (users !== known) for (const memory of [correct, correctFrom, wrong, running]) memory.clear();
    known = users;
    return users;
  }

  function recall(user: string, name: string): Authentication | undefined {
    if (correct.get(name) === true) return accept(user);
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
    const matches = await bcrypt.compare(password, hash ?? users.dummyHash);
    const isCorrect = matches && hash !== undefined;
    if (isCorrect) await begun.takeBack();
    // If the file changed meanwhile, the result is outdated and is not remembered.
    if (users === known) (isCorrect ? correct : wrong).set(name, true);
    return isCorrect ? accept(user) : refused;
  }

  /**
   * Joins a check of the same password for another network, but only if that check is already running. A check in
   * another network's queue may wait long.
   */
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
    if (correctFrom.get(from) === true) return accept(user);
    const retryAfterMs = await lockOut.remainingMs(clientIp, user);
    if (retryAfterMs > 0) return lockedOut(retryAfterMs);
    let found = recall(user, name);
    if (found === undefined) {
      await attempt.beforeCheck?.();
      found = await find(users, attempt, name);
    }
    if (found.result === 'accepted' && users === known) correctFrom.set(from, true);
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
  return new CacheError('overloaded', 'Too many passwords are waiting to be checked. Try again in a moment.');
}
