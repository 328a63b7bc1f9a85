-- Marks a blob as verified. KEYS: blob. ARGV: its CRC table, or '' to leave the table unchanged.
if redis.call('EXISTS', KEYS[1]) == 1 and not is_newer(KEYS[1]) then
  redis.call('HSET', KEYS[1], b_verified, 1)
  if ARGV[1] ~= '' then set_table(KEYS[1], ARGV[1]) end
end
