-- KEYS: blob, least-recent, total. ARGV: digest, owner. Returns whether the record was removed.
local blob = redis.call('HMGET', KEYS[1], b_state, b_deleted_by)
if blob[1] ~= 'deleting' or blob[2] ~= ARGV[2] then return 0 end
return remove_blob(KEYS, ARGV[1])
