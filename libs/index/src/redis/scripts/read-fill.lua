-- KEYS: fill. Returns its fields and values; none once its lease has ended.
if not live_state(KEYS[1]) then return {} end
return redis.call('HGETALL', KEYS[1])
