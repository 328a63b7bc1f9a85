-- KEYS: ranking. ARGV: limit on names. Returns the time in milliseconds, then name and score for each, highest first.
local answer = redis.call('ZREVRANGEBYSCORE', KEYS[1], '+inf', '-inf', 'WITHSCORES', 'LIMIT', 0, ARGV[1])
table.insert(answer, 1, integer(now_ms()))
return answer
