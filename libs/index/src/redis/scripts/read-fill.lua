-- KEYS: fill. Returns its fields and values. Returns none if the lease of the fill has expired.
if not live_state(KEYS[1]) then return {} end
return redis.call('HGETALL', KEYS[1])
