-- KEYS: when each worker is forgotten. Returns how many there are now.
return redis.call('ZCOUNT', KEYS[1], '(' .. integer(now_ms()), '+inf')
