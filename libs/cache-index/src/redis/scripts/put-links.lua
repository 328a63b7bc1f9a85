-- KEYS: links. ARGV: digest and link for each. A link begins with its schema's number. Returns how many were written: not
-- those in whose place is a link of a newer release.
local written = 0
for position = 1, #ARGV, 2 do
  local old = redis.call('HGET', KEYS[1], ARGV[position])
  if not old or tonumber(string.match(old, '^%d+')) <= schema then
    redis.call('HSET', KEYS[1], ARGV[position], ARGV[position + 1])
    written = written + 1
  end
end
return written
