-- KEYS: the fill's key of older releases. ARGV: fields and values of our record; none if it is absent. A live fill of
-- an older release stays.
local state, shown = unpack(redis.call('HMGET', KEYS[1], 'state', 'shown'))
if state and not shown and not has_ended(state) then return 0 end
redis.call('DEL', KEYS[1])
if #ARGV == 0 then return 1 end
redis.call('HSET', KEYS[1], 'shown', 1, arguments(1))
-- Older releases treat a record as live until Redis expires it.
redis.call('PEXPIREAT', KEYS[1], redis.call('HGET', KEYS[1], 'expiresAtMs'))
return 1
