-- KEYS: blob, least-recent, total. ARGV: digest, size and on. Returns whether there was none.
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
put_blob(KEYS, '', arguments(1))
return 1
