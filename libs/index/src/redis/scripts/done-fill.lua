-- KEYS: fill, blob, least-recent, total. ARGV: owner, touchedAtMs, then the blob: digest, size and further fields.
-- Returns 0 if the owner does not hold the fill, and 1 if all is written. Returns 2 if the blob's record, of a newer
-- release, was kept, and 3 for a repeated call.
local state = owned_state(KEYS[1], ARGV[1])
if not state or state == 'failed' then return 0 end
if state == 'done' then return 3 end
local is_written = put_blob({KEYS[2], KEYS[3], KEYS[4]}, arguments(2))
redis.call('HSET', KEYS[1], 'state', 'done', 'size', ARGV[4])
return is_written and 1 or 2
