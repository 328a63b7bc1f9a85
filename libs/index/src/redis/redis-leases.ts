// Leases: keys that Redis lets expire.
import type { LeaseIndex } from '../leases.ts';
import type { RedisParts } from './redis-parts.ts';

export function createRedisLeases({ calls, keys }: RedisParts): LeaseIndex {
  return {
    async acquire(name, owner, ms) {
      return (await calls.run('acquire-lease', [keys.lease(name)], [owner, Math.ceil(ms)])) === 1;
    },
    async release(name, owner) {
      await calls.run('release-lease', [keys.lease(name)], [owner]);
    },
  };
}
