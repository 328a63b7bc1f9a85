-- KEYS: least-recent and blob for each blob. ARGV: digest and time for each blob.
for position = 1, #KEYS, 2 do
  local recent, blob, digest, at_ms = KEYS[position], KEYS[position + 1], ARGV[position], ARGV[position + 1]
  local old = redis.call('HMGET', blob, b_state, b_last_pulled_at_ms)
  if old[1] and not is_newer(blob) then
    local last_pulled_at_ms = later(old[2], at_ms)
    local state = old[1] == 'evicting' and 'present' or old[1]
    redis.call('HSET', blob, b_state, state, b_last_pulled_at_ms, last_pulled_at_ms)
    redis.call('ZADD', recent, last_pulled_at_ms, digest)
  end
end
