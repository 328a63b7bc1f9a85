-- KEYS: fill, blob, least-recent, total. ARGV: owner, touchedAtMs, then the blob: digest, size and further fields.
-- Returns 0 if the owner does not hold the fill or it has failed, and 1 if both records are written. Returns 2 if only
-- the fill is written, because the blob's record is of a newer release. Returns 3 if the fill was already done.
local state = owned_state(KEYS[1], ARGV[1])
if not state or state == 'failed' then return 0 end
if state == 'done' then return 3 end
local is_written = put_blob({KEYS[2], KEYS[3], KEYS[4]}, arguments(2))
redis.call('HSET', KEYS[1], 'state', 'done', 'size', ARGV[4])
return is_written and 1 or 2
