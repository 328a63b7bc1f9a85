-- KEYS: fill, settling, blob. ARGV: replaces, leaseMs, settleMs, then fields and values. Returns {generation,
-- expiresAtMs, checkpoint if any} if the claim succeeds, and false if it is refused. Returns a number if the caller
-- must retry after so many milliseconds, because the owner of a fill may still restore its record, or the blob is being
-- deleted.
local generation, settle_ms = tonumber(ARGV[1]), tonumber(ARGV[3])
if is_newer(KEYS[1]) then return false end

-- Limits the wait, because since_ms may be in the future: before a failover another Redis node wrote it, whose clock
-- may have been ahead.
local function settles_in_ms(since_ms)
  return math.min(tonumber(since_ms) + settle_ms - now_ms(), settle_ms)
end

local previous = redis.call('HMGET', KEYS[1], 'state', 'generation', 'missedAtMs', 'checkpoint')
local previous_generation = tonumber(previous[2] or 0)
local is_new = previous[1] and not has_ended(previous[1]) and previous_generation > generation
if live_state(KEYS[1]) then
  if is_new then return false end
elseif previous[1] then
  -- The lease of the fill has expired, because its owner is dead or Redis was unavailable. The first claim that finds
  -- this starts the time in which the owner can restore its record.
  if is_new and not previous[3] then redis.call('HSET', KEYS[1], 'missedAtMs', integer(now_ms())) end
  local wait_ms = is_new and settles_in_ms(previous[3] or now_ms()) or 0
  if wait_ms > 0 then return wait_ms end
else
  local wait_ms = settles_in_ms(settling_since(KEYS[2]))
  if wait_ms > 0 then return wait_ms end
end
local deletion_ms = math.min(deletion_ends_in_ms(KEYS[3]), 100)
if deletion_ms > 0 then return deletion_ms end
-- Never reuses a generation. Otherwise a job that replaces a fill whose record has expired could take over a newer fill
-- of the same generation.
generation = integer(math.max(generation + 1, previous_generation + 1, now_ms()))
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'generation', generation, arguments(4))
local checkpoint = previous[1] and not has_ended(previous[1]) and previous[4]
if checkpoint then redis.call('HSET', KEYS[1], 'checkpoint', checkpoint) end
return {generation, set_lease(KEYS[1], ARGV[2]), checkpoint or nil}
