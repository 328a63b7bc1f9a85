-- KEYS: settling, complete. ARGV: since when the shard was settling as the rebuild began. Returns whether nothing was lost since.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[1])
return 1
