-- KEYS: fill, blob. ARGV: owner, leaseMs, 1 if a touch of the blob was not written yet. Returns whether the blob's object is the
-- owner's to delete now.
local fill = live_state(KEYS[1])
if (fill and not has_ended(fill)) or is_newer(KEYS[2]) then return 0 end
local blob = redis.call('HMGET', KEYS[2], b_state, b_deleted_by)
if not blob[1] or blob[1] == 'present' or (blob[1] == 'evicting' and ARGV[3] == '1') then return 0 end
if blob[2] ~= ARGV[1] and deletion_ends_in_ms(KEYS[2]) > 0 then return 0 end
local until_ms = integer(now_ms() + tonumber(ARGV[2]))
redis.call('HSET', KEYS[2], b_state, 'deleting', b_deleted_by, ARGV[1], b_deleting_until_ms, until_ms)
return 1
