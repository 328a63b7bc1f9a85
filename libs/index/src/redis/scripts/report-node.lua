-- KEYS: reports, expiry of each report, counts, expiry of each worker. ARGV: node, its report, lifetime of the report
-- in milliseconds (0 if the node is shutting down), lifetime as a worker (0 if it is no worker), then name and increase
-- of each count. Returns the time in milliseconds.
local now, id, ttl_ms = now_ms(), ARGV[1], tonumber(ARGV[3])

local function forget(node)
  redis.call('HDEL', KEYS[1], node)
  redis.call('ZREM', KEYS[2], node)
  redis.call('ZREM', KEYS[4], node)
end

-- Redis allows writes of a script while its memory is full if the script has already written something that needs no
-- memory. So nodes stay known while Redis is full. Reports are small and replace each other.
redis.call('ZREM', KEYS[2], id)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', integer(now), 'LIMIT', 0, 16)) do forget(gone) end
if ttl_ms > 0 then
  redis.call('HSET', KEYS[1], id, integer(now) .. ' ' .. ARGV[2])
  redis.call('ZADD', KEYS[2], integer(now + ttl_ms), id)
  if tonumber(ARGV[4]) > 0 then redis.call('ZADD', KEYS[4], integer(now + tonumber(ARGV[4])), id) end
else
  forget(id)
end
redis.call('HSETNX', KEYS[3], '', integer(now))
for position = 5, #ARGV, 2 do redis.call('HINCRBY', KEYS[3], ARGV[position], ARGV[position + 1]) end
return integer(now)
