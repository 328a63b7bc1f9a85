-- KEYS: blob, least-recent, total. ARGV: digest, size and further fields. Returns 1 if there was no record, else 0.
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
put_blob(KEYS, '', arguments(1))
return 1
