-- KEYS: reports, expiry of each report, counts, expiry of each worker, then a bucket of each range of the history.
-- ARGV: node, its report, lifetime of the report in milliseconds (0 if the node is shutting down), lifetime as a worker
-- (0 if it is no worker), how long ended nodes are kept, how long each bucket is kept, then name and increase of each
-- count. Returns the time in milliseconds.
local now, id, ttl_ms, kept_ms = now_ms(), ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[5])

local function forget(node)
  redis.call('HDEL', KEYS[1], node)
  redis.call('ZREM', KEYS[2], node)
  redis.call('ZREM', KEYS[4], node)
end

-- Redis allows writes of a script while its memory is full if the script has already written something that needs no
-- memory. This one removes nothing. So nodes stay known while Redis is full. Reports are small and replace each other.
redis.call('HDEL', KEYS[1], '')
local old = integer(now - kept_ms)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', old, 'LIMIT', 0, 16)) do forget(gone) end
if ttl_ms > 0 then
  redis.call('HSET', KEYS[1], id, integer(now) .. ' ' .. ARGV[2])
  redis.call('ZADD', KEYS[2], integer(now + ttl_ms), id)
  if tonumber(ARGV[4]) > 0 then redis.call('ZADD', KEYS[4], integer(now + tonumber(ARGV[4])), id) end
else
  local stored = redis.call('HGET', KEYS[1], id) or ''
  local separator = stored:find(' ', 1, true)
  if separator and not stored:find('^stopped ') then
    redis.call('HSET', KEYS[1], id, 'stopped ' .. integer(now) .. stored:sub(separator))
    redis.call('ZADD', KEYS[2], integer(now), id)
  end
  redis.call('ZREM', KEYS[4], id)
end
redis.call('HSETNX', KEYS[3], '', integer(now))
local first_count = 6 + #KEYS - 4
for position = first_count, #ARGV, 2 do redis.call('HINCRBY', KEYS[3], ARGV[position], ARGV[position + 1]) end
if #ARGV < first_count then return integer(now) end
for bucket = 5, #KEYS do
  for position = first_count, #ARGV, 2 do redis.call('HINCRBY', KEYS[bucket], ARGV[position], ARGV[position + 1]) end
  redis.call('PEXPIRE', KEYS[bucket], ARGV[bucket + 1])
end
return integer(now)
