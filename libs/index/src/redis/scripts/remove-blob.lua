-- KEYS: blob, least-recent, total. ARGV: digest, storedAtMs or ''. Returns whether there was one, and was stored then.
if ARGV[2] ~= '' and redis.call('HGET', KEYS[1], b_stored_at_ms) ~= ARGV[2] then return 0 end
return remove_blob(KEYS, ARGV[1])
