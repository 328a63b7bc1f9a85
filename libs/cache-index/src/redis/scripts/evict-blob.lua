-- KEYS: blob. ARGV: lastPulledAtMs. Returns whether it is on its way out.
local blob = redis.call('HMGET', KEYS[1], b_state, b_last_pulled_at_ms)
if not blob[1] or is_newer(KEYS[1]) or tonumber(blob[2]) > tonumber(ARGV[1]) then return 0 end
if blob[1] == 'present' then redis.call('HSET', KEYS[1], b_state, 'evicting') end
return 1
