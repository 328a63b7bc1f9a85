-- KEYS: tag, tags. ARGV: tag, pulls and lastPulledAtMs of the record, pending pulls and the time of the last one,
-- expected sequence and checkedAtMs, then the other fields and values. The expected sequence is '' if there must be no
-- record, and '*' if any record may be replaced. Returns 0 if the record is of a newer release, -1 if it is not the
-- expected one, else 1.
if is_newer(KEYS[1]) then return 0 end
if ARGV[6] ~= '*' then
  local confirmed = redis.call('HMGET', KEYS[1], t_sequence, t_checked_at_ms)
  if (confirmed[1] or '') ~= ARGV[6] or (confirmed[2] or '') ~= ARGV[7] then return -1 end
end
local pulls, last_pulled_at_ms = ARGV[2], ARGV[3]
local old = redis.call('HMGET', KEYS[1], t_pulls, t_last_pulled_at_ms)
if old[1] then
  pulls = later(pulls, integer(tonumber(old[1]) + tonumber(ARGV[4])))
  last_pulled_at_ms = later(later(last_pulled_at_ms, old[2]), ARGV[5])
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], t_pulls, pulls, t_last_pulled_at_ms, last_pulled_at_ms, arguments(8))
redis.call('ZADD', KEYS[2], 0, ARGV[1])
return 1
