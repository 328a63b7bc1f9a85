-- KEYS: a ranking. ARGV: how many names. Returns the time in milliseconds, then name and score for each, the highest first.
local answer = redis.call('ZREVRANGE', KEYS[1], 0, tonumber(ARGV[1]) - 1, 'WITHSCORES')
table.insert(answer, 1, integer(now_ms()))
return answer
