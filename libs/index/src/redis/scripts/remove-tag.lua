-- KEYS: tag, tags. ARGV: tag. Returns whether there was one.
if is_newer(KEYS[1]) then return 0 end
redis.call('ZREM', KEYS[2], ARGV[1])
return redis.call('DEL', KEYS[1])
