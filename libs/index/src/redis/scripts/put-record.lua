-- KEYS: record. ARGV: fields and values. Returns 0 if the record is of a newer release, else 1.
if is_newer(KEYS[1]) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], arguments(1))
return 1
