-- KEYS: fill. ARGV: owner, then fields and values. Returns 1 if the fields are written. Returns 0 if the owner does not
-- hold the fill or it has ended.
local state = owned_state(KEYS[1], ARGV[1])
if not state or has_ended(state) then return 0 end
redis.call('HSET', KEYS[1], 'state', 'running', arguments(2))
return 1
