-- KEYS: settling and complete of each shard. ARGV: since when each was settling as the rebuild began. Returns whether nothing
-- was lost since.
local is_complete = 1
for position, since in ipairs(ARGV) do
  if redis.call('GET', KEYS[2 * position - 1]) == since then
    redis.call('SET', KEYS[2 * position], since)
  else
    is_complete = 0
  end
end
return is_complete
