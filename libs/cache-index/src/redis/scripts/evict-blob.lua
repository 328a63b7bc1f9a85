-- KEYS: blob. ARGV: lastPulledAtMs. Returns whether it is on its way out.
local blob = redis.call('HMGET', KEYS[1], 'state', 'lastPulledAtMs')
if not blob[1] or is_newer(KEYS[1]) or tonumber(blob[2]) > tonumber(ARGV[1]) then return 0 end
if blob[1] == 'present' then redis.call('HSET', KEYS[1], 'state', 'evicting') end
return 1
