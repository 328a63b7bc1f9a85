-- KEYS: blob, least-recent, total. ARGV: digest, storedAtMs or ''. Returns 1 if it removed the blob stored at that
-- time, else 0.
if ARGV[2] ~= '' and redis.call('HGET', KEYS[1], b_stored_at_ms) ~= ARGV[2] then return 0 end
return remove_blob(KEYS, ARGV[1])
