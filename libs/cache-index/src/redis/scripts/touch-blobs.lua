-- KEYS: least-recent, then blobs of its shard. ARGV: digest and time for each blob.
for position = 2, #KEYS do
  local blob, digest, at_ms = KEYS[position], ARGV[2 * position - 3], ARGV[2 * position - 2]
  local old = redis.call('HMGET', blob, b_state, b_last_pulled_at_ms)
  if old[1] and not is_newer(blob) then
    local last_pulled_at_ms = later(old[2], at_ms)
    local state = old[1] == 'evicting' and 'present' or old[1]
    redis.call('HSET', blob, b_state, state, b_last_pulled_at_ms, last_pulled_at_ms)
    redis.call('ZADD', KEYS[1], last_pulled_at_ms, digest)
  end
end
