-- KEYS: record. ARGV: fields and values. Returns 0 for a record of a newer release.
if is_newer(KEYS[1]) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], arguments(1))
return 1
