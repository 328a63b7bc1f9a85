-- KEYS: blob.
if redis.call('EXISTS', KEYS[1]) == 1 and not is_newer(KEYS[1]) then redis.call('HSET', KEYS[1], b_verified, 1) end
