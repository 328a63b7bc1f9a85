// Shared values: keys that Redis lets expire.
import type { ValueIndex } from '../values.ts';
import type { RedisParts } from './redis-parts.ts';

export function createRedisValues({ calls, keys }: RedisParts): ValueIndex {
  return {
    async get(name) {
      return (await calls.command((client) => client.get(keys.value(name)))) ?? undefined;
    },
    async put(name, value, ttlMs) {
      const ms = Math.max(1, Math.ceil(ttlMs));
      await calls.command((client) => client.set(keys.value(name), value, 'PX', ms));
    },
    async remove(name) {
      await calls.command((client) => client.del(keys.value(name)));
    },
  };
}
