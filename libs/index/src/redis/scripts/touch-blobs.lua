-- Moves the last pull of blobs forward. KEYS: least-recent and blob, for each blob. ARGV: digest and time, for each
-- blob.
for position = 1, #KEYS, 2 do
  local recent, blob, digest, at_ms = KEYS[position], KEYS[position + 1], ARGV[position], ARGV[position + 1]
  local old_ms = redis.call('HGET', blob, b_last_pulled_at_ms)
  if old_ms and not is_newer(blob) then
    local last_pulled_at_ms = later(old_ms, at_ms)
    redis.call('HSET', blob, b_last_pulled_at_ms, last_pulled_at_ms)
    redis.call('ZADD', recent, last_pulled_at_ms, digest)
  end
end
