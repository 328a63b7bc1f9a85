-- KEYS: fill. ARGV: owner, leaseMs (0 releases the lease), then the fields and values of the owner's record. Returns
-- the result of `FillIndex.heartbeat`.
if is_newer(KEYS[1]) then return 'lost' end
local state, owner = live_state(KEYS[1])
if state and owner ~= ARGV[1] then return 'lost' end
if ARGV[2] == '0' and not (state and has_ended(state)) then
  redis.call('DEL', KEYS[1])
elseif not state then
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], arguments(3))
  set_lease(KEYS[1], ARGV[2])
elseif not has_ended(state) then
  set_lease(KEYS[1], ARGV[2])
end
return state and 'kept' or 'recreated'
