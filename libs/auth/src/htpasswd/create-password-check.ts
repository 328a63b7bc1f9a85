// Whether a password is the user's. bcrypt is slow on purpose, so what it said is remembered, and what it does is bounded:
// passwords that were right cost a keyed hash, and guesses neither all processors nor the threads that read files.
import { createHmac, randomBytes } from 'node:crypto';
import { CacheError } from '@cistern/errors';
import bcrypt from 'bcrypt';
import { LRUCache } from 'lru-cache';
import pLimit from 'p-limit';
import type { PasswordAttempt } from '../create-authenticator.ts';
import type { LockOut } from './create-lock-out.ts';
import type { ParsedFile } from '../open-parsed-file.ts';
import type { HtpasswdUsers } from './parse-htpasswd.ts';

export type PasswordVerdict =
  | { readonly verdict: 'right' | 'wrong' }
  | { readonly verdict: 'locked-out'; readonly retryAfterMs: number };

/** Of libuv's four threads, by which files are read too. */
const atOnce = 2;
/** Some seconds of work. */
const maxInHand = 100;
const maxRemembered = 10_000;

/**
 * A user who is not there costs as much as one who is. The same wrong password again is no guess: a job that retries locks
 * nobody out. Rejects with `overloaded` when too many wait.
 */
export function createPasswordCheck(
  file: ParsedFile<HtpasswdUsers>,
  lockOut: LockOut,
): (attempt: PasswordAttempt) => Promise<PasswordVerdict> {
  const limit = pLimit(atOnce);
  // Never leaves this process, so what is remembered cannot be tried elsewhere.
  const key = randomBytes(32);
  // Apart, so that wrong ones, of which there are as many as somebody sends, drive no right one out.
  const right = new LRUCache<string, true>({ max: maxRemembered });
  const wrong = new LRUCache<string, true>({ max: maxRemembered });
  const running = new Map<string, Promise<PasswordVerdict>>();
  let known: HtpasswdUsers | undefined;
  // Not the queue's length, which a burst that has just begun does not show.
  let inHand = 0;

  async function readUsers(): Promise<HtpasswdUsers> {
    const users = await file.read();
    if (users !== known) for (const memory of [right, wrong, running]) memory.clear();
    known = users;
    return users;
  }

  async function find(users: HtpasswdUsers, attempt: PasswordAttempt, name: string): Promise<PasswordVerdict> {
    const { user, password, clientIp } = attempt;
    if (inHand >= maxInHand)
      throw new CacheError('overloaded', 'Too many passwords wait to be checked; try again in a moment.');
    inHand += 1;
    try {
      const begun = await lockOut.begin(clientIp, user);
      if (begun.remainingMs > 0) return { verdict: 'locked-out', retryAfterMs: begun.remainingMs };
      const hash = users.hashes.get(user);
      const matches = await limit(() => bcrypt.compare(password, hash ?? users.hashOfNobody));
      const isRight = matches && hash !== undefined;
      if (isRight) await begun.takeBack();
      // Of a file that has changed meanwhile this says nothing.
      if (users === known) (isRight ? right : wrong).set(name, true);
      return { verdict: isRight ? 'right' : 'wrong' };
    } finally {
      inHand -= 1;
    }
  }

  return async (attempt) => {
    const { user, password, clientIp } = attempt;
    const users = await readUsers();
    // Before anything that is remembered, or whoever is locked out could go on guessing, and faster.
    const retryAfterMs = await lockOut.remainingMs(clientIp, user);
    if (retryAfterMs > 0) return { verdict: 'locked-out', retryAfterMs };
    const name = createHmac('sha256', key).update(`${user.length}:${user}${password}`).digest('base64');
    if (right.get(name) === true) return { verdict: 'right' };
    if (wrong.get(name) === true) return { verdict: 'wrong' };
    const found = running.get(name) ?? find(users, attempt, name);
    running.set(name, found);
    try {
      return await found;
    } finally {
      if (running.get(name) === found) running.delete(name);
    }
  };
}
