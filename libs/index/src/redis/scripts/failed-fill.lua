-- KEYS: fill. ARGV: owner, keepMs, failure. Returns 1 if the failure is written. Returns 0 if the owner does not hold
-- the fill or it is done.
local state = owned_state(KEYS[1], ARGV[1])
if not state or state == 'done' then return 0 end
redis.call('HSET', KEYS[1], 'state', 'failed', 'failure', ARGV[3])
set_lease(KEYS[1], ARGV[2])
return 1
