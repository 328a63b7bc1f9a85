// Bounds guessing: by client network and account, and by network for all accounts together. Never by account alone: then a
// stranger could lock its owner out (decision 0051).
import { createHmac, randomBytes } from 'node:crypto';
import { networkOf } from '../policy/network-of.ts';
import { createTries, type Try, type TriesOptions } from './create-tries.ts';

export interface LockOut {
  /** How long this user cannot log in from there, in milliseconds, as far as this process knows; 0: may try. */
  remainingMs(clientIp: string, user: string | undefined): Promise<number>;
  /** As `Tries.begin`. `undefined`: the credentials have no user name. */
  begin(clientIp: string, user: string | undefined): Promise<Try>;
}

const maxOfAccount = 10;
const maxOfNetwork = 100;

/** After ten wrong passwords for one user, or a hundred for any, from one network in ten minutes it has no more tries. */
export function createLockOut(options: Pick<TriesOptions, 'shared' | 'log'>): LockOut {
  const ofAccount = createTries({ ...options, name: 'lockout', max: maxOfAccount });
  const ofNetwork = createTries({ ...options, name: 'lockout-network', max: maxOfNetwork });
  const secret = options.shared?.secret ?? randomBytes(32);

  /** Of few characters, however long a name somebody makes up. */
  function keyOf(...names: readonly string[]): string {
    return createHmac('sha256', secret)
      .update(['cistern lock-out', ...names].join(' '))
      .digest('base64url');
  }

  return {
    async remainingMs(clientIp, user) {
      const network = networkOf(clientIp);
      const remaining = [await ofNetwork.remainingMs(keyOf(network))];
      if (user !== undefined) remaining.push(await ofAccount.remainingMs(keyOf(network, user)));
      return Math.max(...remaining);
    },
    async begin(clientIp, user) {
      const network = networkOf(clientIp);
      const first = await ofNetwork.begin(keyOf(network));
      // Made-up names of a network that is locked out anyway take no memory.
      if (user === undefined || first.remainingMs > 0) return first;
      const second = await ofAccount.begin(keyOf(network, user));
      return {
        remainingMs: second.remainingMs,
        async takeBack() {
          await Promise.all([first.takeBack(), second.takeBack()]);
        },
      };
    },
  };
}
