-- Marks a shard as complete. KEYS: settling, complete. ARGV: the value of settling when the rebuild began. Returns 1,
-- or 0 if the shard has lost data since the rebuild began.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[1])
return 1
