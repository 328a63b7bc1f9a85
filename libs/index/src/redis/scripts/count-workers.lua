-- KEYS: when each worker is forgotten, counts. ARGV: for how long a worker is known, in milliseconds. Returns how many there are now;
-- nil: none is known, and counting began later than that.
local workers = redis.call('ZCOUNT', KEYS[1], '(' .. integer(now_ms()), '+inf')
local since = tonumber(redis.call('HGET', KEYS[2], '') or '')
if workers == 0 and (since == nil or since > now_ms() - tonumber(ARGV[1])) then return false end
return workers
