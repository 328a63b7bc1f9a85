-- KEYS: fill. ARGV: owner, leaseMs, then the record as the owner knows it, fields and values.
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], arguments(3))
  set_lease(KEYS[1], ARGV[2])
  return 'recreated'
end
local state = owned_state(KEYS[1], ARGV[1])
if not state then return 'lost' end
if not has_ended(state) then set_lease(KEYS[1], ARGV[2]) end
return 'kept'
