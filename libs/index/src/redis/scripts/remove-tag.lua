-- KEYS: tag, tags. ARGV: tag, expected sequence ('*' if any record may be removed) and expected checkedAtMs. Returns 1
-- if it removed the tag, else 0.
if is_newer(KEYS[1]) then return 0 end
if ARGV[2] ~= '*' then
  local confirmed = redis.call('HMGET', KEYS[1], t_sequence, t_checked_at_ms)
  if confirmed[1] ~= ARGV[2] or confirmed[2] ~= ARGV[3] then return 0 end
end
redis.call('ZREM', KEYS[2], ARGV[1])
return redis.call('DEL', KEYS[1])
