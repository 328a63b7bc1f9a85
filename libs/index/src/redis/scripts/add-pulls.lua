-- Adds pulls to tags that have a record. KEYS: tags of one repository. ARGV: number of pulls and time of the last pull,
-- for each tag.
for position, tag in ipairs(KEYS) do
  local count, at_ms = ARGV[2 * position - 1], ARGV[2 * position]
  local last_pulled_at_ms = redis.call('HGET', tag, t_last_pulled_at_ms)
  if last_pulled_at_ms and not is_newer(tag) then
    redis.call('HINCRBY', tag, t_pulls, count)
    redis.call('HSET', tag, t_last_pulled_at_ms, later(last_pulled_at_ms, at_ms))
  end
end
