-- KEYS: blob, least-recent, total. ARGV: digest, storedAtMs or ''. Returns whether there was one, and was stored then.
if ARGV[2] ~= '' and redis.call('HGET', KEYS[1], 'storedAtMs') ~= ARGV[2] then return 0 end
return remove_blob(KEYS, ARGV[1])
