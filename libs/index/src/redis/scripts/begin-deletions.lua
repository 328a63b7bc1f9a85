-- KEYS: fill and blob, for each blob. ARGV: owner, leaseMs, then for each blob the last pull that the caller knows of,
-- and the time of its pending touch or ''. Returns 1 for each blob whose object the owner may delete now, else 0.
local until_ms = integer(now_ms() + tonumber(ARGV[2]))

local function may_delete(fill, blob, known_ms, touched_at_ms)
  local fill_state = live_state(fill)
  if (fill_state and not has_ended(fill_state)) or is_newer(blob) then return false end
  local fields = redis.call('HMGET', blob, b_state, b_last_pulled_at_ms, b_deleted_by)
  if not fields[1] then return false end
  if fields[1] == 'deleting' then return fields[3] == ARGV[1] or deletion_ends_in_ms(blob) == 0 end
  return tonumber(later(fields[2], touched_at_ms)) <= tonumber(known_ms)
end

local begun = {}
for position = 1, #KEYS, 2 do
  local blob = KEYS[position + 1]
  local is_begun = may_delete(KEYS[position], blob, ARGV[position + 2], ARGV[position + 3])
  if is_begun then redis.call('HSET', blob, b_state, 'deleting', b_deleted_by, ARGV[1], b_deleting_until_ms, until_ms) end
  begun[#begun + 1] = is_begun and 1 or 0
end
return begun
