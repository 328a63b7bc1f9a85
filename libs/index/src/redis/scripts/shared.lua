-- Shared code, which is prefixed to every script. Large numbers are texts in arguments and replies, so that they keep
-- all digits.

local schema = 1

-- Names of fields. They have one letter each, because there are millions of records.
local f_schema = 'v'
local b_size, b_state, b_verified, b_stored_at_ms, b_last_pulled_at_ms = 's', 't', 'c', 'a', 'p'
local b_deleted_by, b_deleting_until_ms, b_table = 'd', 'u', 'x'
local t_pulls, t_last_pulled_at_ms, t_sequence, t_checked_at_ms = 'n', 'p', 'q', 'k'

-- Returns the time of Redis, which does not advance while a script runs.
local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- Returns a number as the text of an integer. Never returns "-0", because Redis rejects it.
local function integer(number)
  return string.format('%.0f', number + 0)
end

-- Returns true for a record of a newer release. Reads must treat such a record as absent, and writes must not change
-- it.
local function is_newer(key)
  local theirs = tonumber(redis.call('HGET', key, f_schema) or schema)
  return theirs > schema
end

local function later(one, other)
  if not other or other == '' or tonumber(one) >= tonumber(other) then return one end
  return other
end

local function arguments(first, last)
  return unpack(ARGV, first, last or #ARGV)
end

local function has_ended(state)
  return state == 'done' or state == 'failed'
end

-- Returns the state and the owner of a fill. Returns nil if there is no record or its lease has expired.
local function live_state(key)
  if is_newer(key) then return nil end
  local fields = redis.call('HMGET', key, 'state', 'owner', 'expiresAtMs')
  if not fields[1] or tonumber(fields[3]) <= now_ms() then return nil end
  return fields[1], fields[2]
end

-- Returns the state of a fill that `owner` holds. Returns nil if there is no live record or it has another owner.
local function owned_state(key, owner)
  local state, its_owner = live_state(key)
  return its_owner == owner and state or nil
end

-- How long a record is kept after its lease has expired. Such a record shows claims that its owner may still be alive.
-- No owner survives a longer outage of Redis.
local remembered_ms = 600000

local function set_lease(key, lease_ms)
  local expires_at_ms = integer(now_ms() + tonumber(lease_ms))
  redis.call('HSET', key, 'expiresAtMs', expires_at_ms)
  redis.call('PEXPIRE', key, integer(tonumber(lease_ms) + remembered_ms))
  return expires_at_ms
end

-- Returns the time since when the shard has been settling. In a new index and after a loss the key is missing, so it is
-- set to the current time.
local function settling_since(key)
  local since_ms = redis.call('GET', key)
  if not since_ms then
    since_ms = integer(now_ms())
    redis.call('SET', key, since_ms)
  end
  return since_ms
end

-- Writes the CRC table of a blob, or removes the table if `packed` is empty.
local function set_table(blob, packed)
  if packed == '' then redis.call('HDEL', blob, b_table) else redis.call('HSET', blob, b_table, packed) end
end

-- Puts a blob record. keys: blob, least-recent, total. touched_at_ms: time of the pending touch, or ''. Returns false,
-- without a change, if the record is of a newer release.
local function put_blob(keys, touched_at_ms, digest, size, state, verified, stored_at_ms, last_pulled_at_ms, packed)
  if is_newer(keys[1]) then return false end
  local old = redis.call('HMGET', keys[1], b_size, b_last_pulled_at_ms)
  if old[1] then
    last_pulled_at_ms = later(later(last_pulled_at_ms, old[2]), touched_at_ms)
  else
    redis.call('HINCRBY', keys[3], 'blobs', 1)
  end
  redis.call('HINCRBY', keys[3], 'bytes', integer(tonumber(size) - tonumber(old[1] or 0)))
  redis.call('ZADD', keys[2], last_pulled_at_ms, digest)
  redis.call('HSET', keys[1], f_schema, schema, b_size, size, b_state, state, b_verified, verified,
    b_stored_at_ms, stored_at_ms, b_last_pulled_at_ms, last_pulled_at_ms)
  redis.call('HDEL', keys[1], b_deleted_by, b_deleting_until_ms)
  set_table(keys[1], packed)
  return true
end

-- Removes a blob record. keys: blob, least-recent, total. Returns 1 if it removed the record, else 0.
local function remove_blob(keys, digest)
  local size = redis.call('HGET', keys[1], b_size)
  if not size or is_newer(keys[1]) then return 0 end
  redis.call('DEL', keys[1])
  redis.call('ZREM', keys[2], digest)
  redis.call('HINCRBY', keys[3], 'blobs', -1)
  redis.call('HINCRBY', keys[3], 'bytes', integer(-tonumber(size)))
  return 1
end

-- Returns the milliseconds until the lease of a deletion expires. Returns 0 if the blob is not being deleted or the
-- lease has expired.
local function deletion_ends_in_ms(blob)
  local fields = redis.call('HMGET', blob, b_state, b_deleting_until_ms)
  if fields[1] ~= 'deleting' then return 0 end
  return math.max(0, tonumber(fields[2] or 0) - now_ms())
end
