-- KEYS: record. Returns 1 if it removed the record, else 0.
if is_newer(KEYS[1]) then return 0 end
return redis.call('DEL', KEYS[1])
