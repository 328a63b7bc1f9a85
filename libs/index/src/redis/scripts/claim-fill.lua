-- KEYS: fill, settling, blob. ARGV: replaces, leaseMs, settleMs, least wait, then fields and values. Returns {generation,
-- expiresAtMs}; false if it is refused; a number while the record may be one that was lost, milliseconds until its owner would
-- have put it back, or while the blob is being deleted: milliseconds until it is worth while to look again.
local generation = tonumber(ARGV[1])
if is_newer(KEYS[1]) then return false end
local previous = redis.call('HMGET', KEYS[1], 'state', 'generation')
if previous[1] then
  local previous_generation = tonumber(previous[2])
  if not has_ended(previous[1]) and previous_generation > generation then return false end
  generation = math.max(generation, previous_generation)
else
  local settle_ms = tonumber(ARGV[3])
  -- Another node's clock, before a fail-over, may have been ahead.
  local settling_ms = math.min(tonumber(settling_since(KEYS[2])) + settle_ms - now_ms(), settle_ms)
  local wait_ms = math.max(settling_ms, tonumber(ARGV[4]))
  if wait_ms > 0 then return wait_ms end
end
local deletion_ms = math.min(deletion_ends_in_ms(KEYS[3]), 100)
if deletion_ms > 0 then return deletion_ms end
-- Never one that was before: a job that replaces a fill whose record has expired would take over the next one.
generation = integer(math.max(generation + 1, now_ms()))
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'generation', generation, arguments(5))
return {generation, set_lease(KEYS[1], ARGV[2])}
