-- KEYS: lease. ARGV: owner, ms. Returns 1 if the owner now holds the lease, else 0.
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
