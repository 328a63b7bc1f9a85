-- KEYS: links. ARGV: digest. Returns 0 if there was no link, 1 if the repository has further links, and 2 if this was
-- its last link.
local old = redis.call('HGET', KEYS[1], ARGV[1])
if not old or tonumber(string.match(old, '^%d+')) > schema then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
return redis.call('EXISTS', KEYS[1]) == 1 and 1 or 2
