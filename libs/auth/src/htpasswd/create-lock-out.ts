// Who has guessed wrong too often has to wait. Each process counts for itself.
import { createHash } from 'node:crypto';
import ipaddr from 'ipaddr.js';
import { RateLimiterMemory } from 'rate-limiter-flexible';

export interface LockOut {
  /** How long this user cannot come in from there, in milliseconds; 0: may try. */
  remainingMs(clientIp: string, user: string): Promise<number>;
  /** Counts a try, before it is known how it ends; so that many at once are not more than many in turn. As `remainingMs`. */
  begin(clientIp: string, user: string): Promise<number>;
  /** The try was none to be counted. */
  takeBack(clientIp: string, user: string): Promise<void>;
}

const tries = 10;
const windowSeconds = 600;

/** Ten wrong passwords of one user from one address in ten minutes are the last until those are over. */
export function createLockOut(): LockOut {
  const counted = new RateLimiterMemory({ points: tries, duration: windowSeconds });
  return {
    async remainingMs(clientIp, user) {
      const found = await counted.get(keyOf(clientIp, user));
      return found === null || found.consumedPoints < tries ? 0 : Math.max(found.msBeforeNext, 1);
    },
    async begin(clientIp, user) {
      const found = await counted.penalty(keyOf(clientIp, user), 1);
      return found.consumedPoints <= tries ? 0 : Math.max(found.msBeforeNext, 1);
    },
    async takeBack(clientIp, user) {
      await counted.reward(keyOf(clientIp, user), 1);
    },
  };
}

/** Of few characters, however long a name somebody makes up. */
function keyOf(clientIp: string, user: string): string {
  return `${networkOf(clientIp)} ${createHash('sha256').update(user).digest('base64')}`;
}

/** Of IPv6 the half that says whose network it is: of the other every client has as many as it likes. */
function networkOf(clientIp: string): string {
  if (!ipaddr.isValid(clientIp)) return clientIp;
  const address = ipaddr.process(clientIp);
  return address.kind() === 'ipv4' ? address.toString() : address.toNormalizedString().split(':').slice(0, 4).join(':');
}
