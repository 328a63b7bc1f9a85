-- KEYS: fill. ARGV: replaces, leaseMs, then fields and values. Returns {generation, expiresAtMs}; false if it is refused.
local generation = tonumber(ARGV[1])
if is_newer(KEYS[1]) then return false end
local previous = redis.call('HMGET', KEYS[1], 'state', 'generation')
if previous[1] then
  local previous_generation = tonumber(previous[2])
  if not has_ended(previous[1]) and previous_generation > generation then return false end
  generation = math.max(generation, previous_generation)
end
generation = integer(generation + 1)
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'generation', generation, arguments(3))
return {generation, set_lease(KEYS[1], ARGV[2])}
