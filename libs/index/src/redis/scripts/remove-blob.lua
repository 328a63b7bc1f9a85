-- KEYS: blob, least-recent, total. ARGV: digest, storedAtMs or ''. If storedAtMs is given, removes only the record of
-- the object that was stored at that time. Returns 1 if it removed the record, else 0.
if ARGV[2] ~= '' and redis.call('HGET', KEYS[1], b_stored_at_ms) ~= ARGV[2] then return 0 end
return remove_blob(KEYS, ARGV[1])
