-- KEYS: fill. Returns its fields and values; none once its lease has expired.
if not live_state(KEYS[1]) then return {} end
return redis.call('HGETALL', KEYS[1])
