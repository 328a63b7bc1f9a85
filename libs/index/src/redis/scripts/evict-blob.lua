-- KEYS: blob, least-recent. ARGV: digest, lastPulledAtMs, touchedAtMs of touches that were not written yet, or ''. Returns whether
-- it is on its way out.
local blob = redis.call('HMGET', KEYS[1], b_state, b_last_pulled_at_ms)
if not blob[1] or is_newer(KEYS[1]) or tonumber(blob[2]) > tonumber(ARGV[2]) then return 0 end
local last_pulled_at_ms = later(blob[2], ARGV[3])
local state = blob[1] == 'present' and 'evicting' or blob[1]
redis.call('HSET', KEYS[1], b_state, state, b_last_pulled_at_ms, last_pulled_at_ms)
redis.call('ZADD', KEYS[2], last_pulled_at_ms, ARGV[1])
return 1
