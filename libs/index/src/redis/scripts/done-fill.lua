-- KEYS: fill, blob, least-recent, total. ARGV: owner, touchedAtMs, then the blob: digest, size and on. Returns 0 if it is not
-- the owner's to say, 1 if all is written, 2 if all but the blob's record, which is of a newer release, 3 if it was said before.
local state = owned_state(KEYS[1], ARGV[1])
if not state or state == 'failed' then return 0 end
if state == 'done' then return 3 end
local is_written = put_blob({KEYS[2], KEYS[3], KEYS[4]}, arguments(2))
redis.call('HSET', KEYS[1], 'state', 'done', 'size', ARGV[4])
return is_written and 1 or 2
