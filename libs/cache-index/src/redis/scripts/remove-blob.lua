-- KEYS: blob, least-recent, total. ARGV: digest. Returns whether there was one.
local size = redis.call('HGET', KEYS[1], 'size')
if not size or is_newer(KEYS[1]) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HINCRBY', KEYS[3], 'blobs', -1)
redis.call('HINCRBY', KEYS[3], 'bytes', integer(-tonumber(size)))
return 1
