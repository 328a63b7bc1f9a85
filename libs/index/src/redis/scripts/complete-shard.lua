-- KEYS: settling, complete. ARGV: the settling time of the shard when the rebuild began. Returns 1 if nothing was lost
-- since, else 0.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[1])
return 1
