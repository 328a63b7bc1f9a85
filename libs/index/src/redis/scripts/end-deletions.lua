-- KEYS: blob, least-recent and total, for each blob. ARGV: owner, 'gone' or 'kept', then the digests. Returns 1 for
-- each changed blob, else 0.
local ended = {}
for position = 1, #KEYS, 3 do
  local keys = {KEYS[position], KEYS[position + 1], KEYS[position + 2]}
  local fields = redis.call('HMGET', keys[1], b_state, b_deleted_by)
  local is_ended = 0
  if fields[1] == 'deleting' and fields[2] == ARGV[1] and not is_newer(keys[1]) then
    is_ended = 1
    if ARGV[2] == 'gone' then
      remove_blob(keys, ARGV[#ended + 3])
    else
      redis.call('HSET', keys[1], b_state, 'present')
      redis.call('HDEL', keys[1], b_deleted_by, b_deleting_until_ms)
    end
  end
  ended[#ended + 1] = is_ended
end
return ended
