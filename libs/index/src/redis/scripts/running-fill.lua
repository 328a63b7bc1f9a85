-- KEYS: fill. ARGV: owner, then fields and values. Returns whether it was the owner's to say.
local state = owned_state(KEYS[1], ARGV[1])
if not state or has_ended(state) then return 0 end
redis.call('HSET', KEYS[1], 'state', 'running', arguments(2))
return 1
