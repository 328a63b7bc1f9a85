-- KEYS: hashes. Returns the names and values of each.
local found = {}
for position = 1, #KEYS do found[position] = redis.call('HGETALL', KEYS[position]) end
return found
