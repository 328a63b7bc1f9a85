-- KEYS: record. Returns whether there was one.
if is_newer(KEYS[1]) then return 0 end
return redis.call('DEL', KEYS[1])
