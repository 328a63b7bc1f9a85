// Reads all content of a Redis, for tests that assert which content is not there.
import type { Redis } from '@cistern/test-servers';

/** One Lua script reads all keys, because each call of `redis.command` starts a process. */
const script = `
local reads = {
  string = {'GET'}, hash = {'HGETALL'}, list = {'LRANGE', 0, -1}, set = {'SMEMBERS'}, zset = {'ZRANGE', 0, -1},
  stream = {'XRANGE', '-', '+'},
}
local found = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  local command, first, last = unpack(reads[redis.call('TYPE', key).ok])
  local value = first and redis.call(command, key, first, last) or redis.call(command, key)
  table.insert(found, {key, value})
end
return found`;

/** Resolves to all keys and values as one text. */
export async function readRedis(redis: Redis): Promise<string> {
  return redis.command('EVAL', script, '0');
}
