-- Copies a fill record for older releases. KEYS: the key of the fill in older releases. ARGV: fields and values of our
-- record; none if there is no record. Does not overwrite a fill in flight of an older release.
local state, shown = unpack(redis.call('HMGET', KEYS[1], 'state', 'shown'))
if state and not shown and not has_ended(state) then return 0 end
redis.call('DEL', KEYS[1])
if #ARGV == 0 then return 1 end
redis.call('HSET', KEYS[1], 'shown', 1, arguments(1))
-- Sets an expiry, because older releases treat a record as live as long as its key exists.
redis.call('PEXPIREAT', KEYS[1], redis.call('HGET', KEYS[1], 'expiresAtMs'))
return 1
