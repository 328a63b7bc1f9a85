-- KEYS: tag, tags. ARGV: tag, then fields and values. Returns 1 if there was no record, else 0.
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], arguments(2))
redis.call('ZADD', KEYS[2], 0, ARGV[1])
return 1
