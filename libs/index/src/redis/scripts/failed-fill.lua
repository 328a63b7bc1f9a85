-- KEYS: fill. ARGV: owner, keepMs, failure. Returns whether it was the owner's to say.
local state = owned_state(KEYS[1], ARGV[1])
if not state or state == 'done' then return 0 end
redis.call('HSET', KEYS[1], 'state', 'failed', 'failure', ARGV[3])
set_lease(KEYS[1], ARGV[2])
return 1
